// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The transport against bytes, and against the family that every kernel has.

use super::*;
use crate::spec::{claim, service};
use proptest::prelude::*;

fn control(command: u8, dump: bool, attributes: Vec<u8>) -> Request {
    Request {
        family: GENL_ID_CTRL,
        raw: Raw {
            command,
            version: 2,
            attributes,
        },
        dump,
        set: None,
    }
}

#[test]
fn the_controller_knows_itself() {
    let mut transport = Transport::open().unwrap();
    let family = transport.family("nlctrl").unwrap();
    assert_eq!(family.id, GENL_ID_CTRL);
    assert!(family.groups.iter().any(|(name, _)| name == "notify"));
}

#[test]
fn an_unknown_family_is_absent() {
    let mut transport = Transport::open().unwrap();
    let error = transport.family("no-such-family").unwrap_err();
    assert!(matches!(error, Error::FamilyAbsent), "{error}");
    // The socket goes on working after a refusal.
    transport.family("nlctrl").unwrap();
}

#[test]
fn a_dump_has_many_parts_and_one_end() {
    let mut transport = Transport::open().unwrap();
    let mut families = Vec::new();
    transport
        .exchange(control(CTRL_CMD_GETFAMILY, true, Vec::new()), |raw| {
            families.push(Family::decode(&raw.attributes)?);
            Ok(())
        })
        .unwrap();
    assert!(families.iter().any(|family| family.id == GENL_ID_CTRL));
}

#[test]
fn a_refusal_has_a_number_and_words() {
    let mut transport = Transport::open().unwrap();
    let error = transport
        .exchange(control(CTRL_CMD_GETFAMILY, false, Vec::new()), |_| Ok(()))
        .unwrap_err();
    let Error::Refused(refusal) = error else {
        panic!("{error}");
    };
    assert_eq!(Errno::from_raw(refusal.errno), Errno::EINVAL);
}

#[test]
fn a_request_larger_than_the_send_buffer_arrives() {
    let mut transport = Transport::open().unwrap();
    let mut attributes = Writer::new();
    for _ in 0..40_000 {
        attributes.u32(CTRL_ATTR_FAMILY_ID, 0);
    }
    let request = control(CTRL_CMD_GETFAMILY, false, attributes.into_bytes());
    let error = transport.exchange(request, |_| Ok(())).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
}

fn attribute(kind: u16, value: u32) -> Vec<u8> {
    let mut to = Writer::new();
    to.u32(kind, value);
    to.into_bytes()
}

/// A refusal of `request` with an extended acknowledgement, as datagram.
fn refusal(flags: u16, echoed: &[u8], extended: &[u8]) -> Vec<u8> {
    let mut body = (-22i32).to_ne_bytes().to_vec();
    body.extend_from_slice(echoed);
    body.extend_from_slice(extended);
    let length = u32::try_from(16 + body.len()).unwrap();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&2u16.to_ne_bytes());
    bytes.extend_from_slice(&flags.to_ne_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&body);
    bytes
}

#[test]
fn the_extended_acknowledgement_is_found_capped_or_not() {
    let mut to = Writer::new();
    to.u32(claim::IFINDEX, 3);
    to.u32(claim::CPU, 99);
    let request = crate::client::request(40, spec::Command::ClaimAdd, false, to.into_bytes());
    let set = request.set;
    let request = request.serialize(7);
    assert_eq!(request.len(), 36);
    let mut words = Writer::new();
    words.string(1, "no such CPU");
    words.u32(2, 28);
    let words = words.into_bytes();
    for (flags, echoed) in [
        (NLM_F_CAPPED | 0x200, &request[..16]),
        (0x200, &request[..]),
    ] {
        let datagram = refusal(flags, echoed, &words);
        let message = messages(&datagram).next().unwrap().unwrap();
        let NetlinkPayload::Error(error) = message.payload else {
            panic!("no error");
        };
        let extended = extended_ack(message.header.flags, &error.header);
        let refusal = Refusal::new(error.raw_code(), extended, &request, HEADERS, set);
        assert_eq!(refusal.errno, 22);
        assert_eq!(refusal.message.as_deref(), Some("no such CPU"));
        assert_eq!(refusal.attribute.as_deref(), Some("cpu[0]"));
        assert_eq!(refusal.to_string(), "no such CPU (attribute `cpu[0]`)");
    }
}

#[test]
fn a_missing_attribute_is_named() {
    let request = crate::client::request(40, spec::Command::ServiceAdd, false, Vec::new());
    let set = request.set;
    let bytes = request.serialize(1);
    let extended = attribute(5, u32::from(service::PORT));
    let refusal = Refusal::new(-22, &extended, &bytes, HEADERS, set);
    assert_eq!(
        refusal.to_string(),
        "Invalid argument (attribute `port` is missing)"
    );
}

proptest! {
    #[test]
    fn garbage_is_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        for message in messages(&bytes).flatten() {
            if let NetlinkPayload::Error(error) = message.payload {
                let extended = extended_ack(message.header.flags, &error.header);
                let _ = Refusal::new(error.raw_code(), extended, &bytes, HEADERS,
                    Some(&spec::apply::SET));
            }
        }
        let _ = Family::decode(&bytes);
    }

    #[test]
    fn a_datagram_that_is_cut_short_is_read_without_harm(cut in 0usize..72, flags: u16) {
        let request = crate::client::request(
            40, spec::Command::ServiceGet, true, attribute(4, 1));
        let mut words = Writer::new();
        words.string(1, "words");
        let mut datagram = refusal(flags, &request.serialize(3), &words.into_bytes());
        datagram.truncate(cut);
        for message in messages(&datagram).flatten() {
            if let NetlinkPayload::Error(error) = message.payload {
                let _ = extended_ack(message.header.flags, &error.header);
            }
        }
    }
}
