// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What would become of a packet, and why.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use crate::attribute::{each, Decode, Malformed, Writer};
use crate::spec::{destination, explain, ConnectionState, DropReason, Forwarding, Verdict};
use crate::ServiceKey;

/// The attributes of a request for an explanation.
pub(crate) fn encode(packet: &[u8], ifindex: Option<u32>) -> Writer {
    let mut to = Writer::new();
    to.binary(explain::PACKET, packet);
    if let Some(ifindex) = ifindex {
        to.u32(explain::IFINDEX, ifindex);
    }
    to
}

/// Where a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The server's address.
    pub address: IpAddr,
    /// The server's port; 0 for the one that a packet has.
    pub port: u16,
}

impl Decode for Place {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let (mut address, mut port) = (None, 0);
        each(attributes, |kind, value| {
            match kind {
                destination::ADDRESS => address = Some(value.address()?),
                destination::PORT => port = value.port()?,
                _ => (),
            }
            Ok(())
        })?;
        let address = address.ok_or_else(|| Malformed::missing("address"))?;
        Ok(Self { address, port })
    }
}

/// What would become of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What the switch would do.
    pub verdict: Verdict,
    /// Why it would not leave, if so.
    pub drop_reason: Option<DropReason>,
    /// The service that it is for.
    pub service: Option<ServiceKey>,
    /// The destination that it goes to or comes from.
    pub destination: Option<Place>,
    /// How it gets there.
    pub forwarding: Option<Forwarding>,
    /// The state of its connection; `None` if there is none yet.
    pub connection_state: Option<ConnectionState>,
    /// The address that it is sent to on the link.
    pub next_hop: Option<IpAddr>,
    /// The device that it leaves by.
    pub out_ifindex: Option<u32>,
    /// The packet as it leaves, from its IP header on.
    #[serde(serialize_with = "hex")]
    pub result: Vec<u8>,
    /// What was found out, one finding after the other.
    pub steps: Vec<String>,
}

/// Bytes as hexadecimal digits.
fn hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    serializer.serialize_str(&digits.concat())
}

impl Decode for Explanation {
    fn decode(attributes: &[u8]) -> Result<Self, Malformed> {
        let mut verdict = None;
        let mut this = Self {
            verdict: Verdict::Pass,
            drop_reason: None,
            service: None,
            destination: None,
            forwarding: None,
            connection_state: None,
            next_hop: None,
            out_ifindex: None,
            result: Vec::new(),
            steps: Vec::new(),
        };
        each(attributes, |kind, value| {
            match kind {
                explain::VERDICT => verdict = Some(Verdict::from_value(value.u32()?)),
                explain::DROP_REASON => {
                    this.drop_reason = Some(DropReason::from_value(value.u32()?));
                }
                explain::SERVICE => this.service = Some(value.nest()?),
                explain::DESTINATION => this.destination = Some(value.nest()?),
                explain::FORWARDING => {
                    this.forwarding = Some(Forwarding::from_value(value.u32()?));
                }
                explain::CONNECTION_STATE => {
                    this.connection_state = Some(ConnectionState::from_value(value.u32()?));
                }
                explain::NEXT_HOP => this.next_hop = Some(value.address()?),
                explain::OUT_IFINDEX => this.out_ifindex = Some(value.u32()?),
                explain::RESULT => this.result = value.bytes().to_vec(),
                explain::STEP => this.steps.push(value.string()),
                _ => (),
            }
            Ok(())
        })?;
        this.verdict = verdict.ok_or_else(|| Malformed::missing("verdict"))?;
        Ok(this)
    }
}
