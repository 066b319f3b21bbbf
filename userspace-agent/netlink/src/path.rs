// SPDX-License-Identifier: GPL-2.0 OR MIT

//! From a byte offset in a request, as an extended acknowledgement gives it, to
//! the name of the attribute there.

use netlink_packet_core::{NlasIterator, NLA_ALIGNTO, NLA_HEADER_SIZE};

use crate::spec::{self, AttributeSet};

/// An attribute that was found at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Located {
    /// Names from the outermost nest inwards, joined by points.
    pub path: String,
    /// The index of the `change` on the way, if the request is an `apply`.
    pub change: Option<usize>,
    /// The set inside, if the attribute is a nest.
    pub nested: Option<&'static AttributeSet>,
}

impl PartialEq for AttributeSet {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for AttributeSet {}

/// The innermost attribute of `set` that covers the byte at `offset` of
/// `attributes`; an attribute's own header belongs to itself.
pub(crate) fn locate(
    attributes: &[u8],
    set: &'static AttributeSet,
    offset: usize,
) -> Option<Located> {
    let mut start = 0;
    let mut seen = Vec::new();
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.ok()?;
        let kind = attribute.kind();
        let length = usize::from(attribute.length());
        let end = start + length.next_multiple_of(NLA_ALIGNTO);
        if offset >= end {
            seen.push(kind);
            start = end;
            continue;
        }
        let Some(known) = set.get(kind) else {
            return Some(Located {
                path: format!("{kind}"),
                change: None,
                nested: None,
            });
        };
        let index = seen.iter().filter(|&&k| k == kind).count();
        let mut here = Located {
            path: if known.multiple {
                format!("{}[{index}]", known.name)
            } else {
                known.name.to_owned()
            },
            change: (std::ptr::eq(set, &spec::apply::SET) && kind == spec::apply::CHANGE)
                .then_some(index),
            nested: known.nested,
        };
        let inside = (offset - start).checked_sub(NLA_HEADER_SIZE);
        if let (Some(nested), Some(inside)) = (known.nested, inside) {
            if let Some(inner) = locate(attribute.value(), nested, inside) {
                here = Located {
                    path: format!("{}.{}", here.path, inner.path),
                    change: here.change,
                    nested: inner.nested,
                };
            }
        }
        return Some(here);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::encode_all;
    use crate::{Change, ServiceSettings};
    use proptest::prelude::*;

    #[test]
    fn an_offset_in_a_batch_has_a_name() {
        let settings = ServiceSettings::new("tcp 10.0.0.1:80".parse().unwrap());
        let changes = [Change::Flush, Change::AddService(settings)];
        let bytes = encode_all(changes.iter()).into_bytes();
        // flush: nest 4 + kind 8 = 12. add: nest 4 + kind 8 + service 4 +
        // protocol 8 + address 8 + port 8.
        for (offset, path, change) in [
            (0, "change[0]", 0),
            (4, "change[0].kind", 0),
            (12, "change[1]", 1),
            (16, "change[1].kind", 1),
            (24, "change[1].service", 1),
            (28, "change[1].service.protocol", 1),
            (36, "change[1].service.address", 1),
            (44, "change[1].service.port", 1),
        ] {
            let found = locate(&bytes, &spec::apply::SET, offset).unwrap();
            assert_eq!((found.path.as_str(), found.change), (path, Some(change)));
        }
        assert_eq!(bytes.len(), 52);
        assert_eq!(locate(&bytes, &spec::apply::SET, 52), None);
    }

    proptest! {
        #[test]
        fn garbage_has_no_name_and_does_no_harm(
            bytes in proptest::collection::vec(any::<u8>(), 0..64),
            offset in 0usize..80,
        ) {
            let _ = locate(&bytes, &spec::apply::SET, offset);
        }
    }
}
