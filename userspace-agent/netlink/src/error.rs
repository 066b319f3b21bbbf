// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What can go wrong between a client and the module.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::attribute::{each, Malformed};
use crate::path::{self, Located};
use crate::spec::AttributeSet;

/// Everything that can go wrong; each displays as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel has no such family: the module is not loaded.
    #[error("the switchyard module is not loaded: insmod switchyard.ko")]
    FamilyAbsent,
    /// The family lacks a multicast group of the specification.
    #[error("the loaded module has no notifications of the group `{0}`")]
    GroupAbsent(&'static str),
    /// The module refused the request.
    #[error("{0}")]
    Refused(Refusal),
    /// The socket failed.
    #[error("netlink: {}", describe(.0))]
    Io(#[from] io::Error),
    /// The module sent something that the specification does not allow.
    #[error("the module's answer cannot be understood: {0}")]
    Malformed(#[from] Malformed),
    /// The configuration kept changing while it was listed.
    #[error("the configuration changes too fast to be listed: try again")]
    Interrupted,
    /// Notifications came faster than they were read, and some are lost.
    #[error("notifications were lost, as they came faster than they were read")]
    Lost,
    /// The module gave no answer where there must be one.
    #[error("the module gave no answer")]
    NoReply,
    /// Not the name of a network device.
    #[error("`{0}` is no device name: those have 1 to 15 characters")]
    DeviceName(String),
}

impl Error {
    /// Whether the kernel wants more privileges.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                refusal.errno == libc_code(Errno::EPERM)
                    || refusal.errno == libc_code(Errno::EACCES)
            }
            Self::Io(error) => error.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}

const fn libc_code(errno: Errno) -> i32 {
    // The discriminants are the numbers of errno(3).
    #[expect(clippy::as_conversions, reason = "a fieldless enumeration")]
    {
        errno as i32
    }
}

/// The kernel's sentence for an error, without Rust's "(os error 2)".
fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

/// Why the module refused a request, as far as the kernel's extended
/// acknowledgement tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Error number, positive.
    pub errno: i32,
    /// The module's own words.
    pub message: Option<String>,
    /// The offending attribute, as a path of the specification's names such as
    /// `change[2].service.port`; indices count from 0.
    pub attribute: Option<String>,
    /// The attribute that the request should have had.
    pub missing: Option<String>,
    /// Which change of an `apply` request offends, from 0.
    pub change: Option<usize>,
}

impl Refusal {
    /// The module's words, or what the error number stands for.
    #[must_use]
    pub fn words(&self) -> &str {
        match &self.message {
            Some(message) => message,
            None => Errno::from_raw(self.errno).desc(),
        }
    }

    /// Reads the attributes of an extended acknowledgement. `request` is the
    /// message that was refused, from its netlink header on, and `set` the
    /// attributes that follow its `header` bytes of headers.
    pub(crate) fn new(
        code: i32,
        extended: &[u8],
        request: &[u8],
        header: usize,
        set: Option<&'static AttributeSet>,
    ) -> Self {
        // enum nlmsgerr_attrs of <linux/netlink.h>.
        const MSG: u16 = 1;
        const OFFS: u16 = 2;
        const MISS_TYPE: u16 = 5;
        const MISS_NEST: u16 = 6;

        let mut this = Self {
            errno: code.saturating_abs(),
            ..Self::default()
        };
        let (mut offset, mut missing, mut nest) = (None, None, None);
        // An acknowledgement that cannot be read to its end still tells its
        // error number.
        let _ = each(extended, |kind, value| {
            match kind {
                MSG => this.message = Some(value.string()).filter(|text| !text.is_empty()),
                OFFS => offset = Some(value.u32()?),
                MISS_TYPE => missing = Some(value.u32()?),
                MISS_NEST => nest = Some(value.u32()?),
                _ => (),
            }
            Ok(())
        });
        let Some(set) = set else { return this };
        let attributes = request.get(header..).unwrap_or_default();
        let find = |offset: u32| {
            let offset = usize::try_from(offset).ok()?.checked_sub(header)?;
            path::locate(attributes, set, offset)
        };
        if let Some(Located { path, change, .. }) = offset.and_then(find) {
            this.attribute = Some(path);
            this.change = change;
        }
        if let Some(kind) = missing.and_then(|kind| u16::try_from(kind).ok()) {
            let nest = nest.and_then(find);
            let inside = nest.as_ref().map_or(Some(set), |nest| nest.nested);
            if let Some(attribute) = inside.and_then(|set| set.get(kind)) {
                this.missing = Some(match &nest {
                    Some(nest) => format!("{}.{}", nest.path, attribute.name),
                    None => attribute.name.to_owned(),
                });
            }
            if let Some(nest) = nest {
                this.change = this.change.or(nest.change);
            }
        }
        this
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())?;
        match (&self.attribute, &self.missing) {
            (_, Some(missing)) => write!(f, " (attribute `{missing}` is missing)"),
            (Some(attribute), None) => write!(f, " (attribute `{attribute}`)"),
            (None, None) => Ok(()),
        }
    }
}
