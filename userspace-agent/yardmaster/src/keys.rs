// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `yardmaster keys`.

use std::io::Write;

use switchyard_report::keys::{make, Options};

use crate::cli::KeysArgs;
use crate::failure::Failure;

/// Makes keys and tells which.
pub fn keys(arguments: &KeysArgs, out: &mut impl Write) -> Result<(), Failure> {
    let options = Options {
        days: arguments.days,
        renew: arguments.renew,
    };
    let pairs = make(&arguments.dir, &arguments.names, options)
        .map_err(|error| Failure::Other(error.to_string()))?;
    for pair in pairs {
        let what = if pair.made { "made" } else { "kept" };
        writeln!(
            out,
            "{what} {} {}",
            pair.certificate.display(),
            pair.key.display()
        )?;
    }
    Ok(())
}
