// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `yard-agent keys`.

use std::io::Write;

use switchyard_report::keys::{make, Options};

use crate::cli::KeysArgs;
use crate::failure::Failure;

/// Makes keys and tells which.
pub fn keys(arguments: &KeysArgs) -> Result<(), Failure> {
    let options = Options {
        days: arguments.days,
        renew: arguments.renew,
    };
    let mut out = std::io::stdout().lock();
    for pair in make(&arguments.dir, &arguments.names, options)? {
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
