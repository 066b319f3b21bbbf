// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Network namespaces, as `ip netns` names them.

use std::fs::File;
use std::path::Path;

use nix::sched::{setns, CloneFlags};

use crate::failure::Failure;

/// Takes the calling thread into a namespace, for good.
pub fn enter(name: &str) -> Result<(), Failure> {
    // A name, not a path: `ip netns` takes none of these either.
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err(Failure::Usage(format!(
            "`{name}` is no name of a namespace"
        )));
    }
    let path = Path::new("/run/netns").join(name);
    let file = File::open(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::Other(format!("there is no network namespace `{name}`"))
        }
        std::io::ErrorKind::PermissionDenied => {
            Failure::Other(format!("may not open the network namespace `{name}`"))
        }
        _ => Failure::Other(format!("{}: {error}", path.display())),
    })?;
    setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
        nix::errno::Errno::EPERM => {
            Failure::Other(format!("may not enter the network namespace `{name}`"))
        }
        _ => Failure::Other(format!("cannot enter `{name}`: {}", errno.desc())),
    })
}
