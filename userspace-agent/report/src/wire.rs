// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A reading on its way: JSON in the body of an HTTP request or response, inside TLS.

use crate::{Absurd, Reading};

/// Largest report, in bytes.
pub const MAX_REPORT: usize = 64 * 1024;

/// Path of a reading: `GET` from an agent, `POST` to the resource manager.
pub const PATH: &str = "/v1/report";

/// A body that is no report.
#[derive(Debug, thiserror::Error)]
pub enum BadReading {
    /// More bytes than a report has.
    #[error("the report has more than {MAX_REPORT} bytes")]
    Oversized,
    /// Not a reading in JSON.
    #[error("not a report: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Numbers that cannot be.
    #[error(transparent)]
    Absurd(#[from] Absurd),
}

impl Reading {
    /// The body of a report.
    pub fn to_body(&self) -> Result<Vec<u8>, BadReading> {
        // JSON has null for NaN, which would be read as a number that is not told.
        self.check()?;
        let body = serde_json::to_vec(self)?;
        if body.len() > MAX_REPORT {
            return Err(BadReading::Oversized);
        }
        Ok(body)
    }

    /// Reads the body of a report and looks whether its numbers can be.
    pub fn from_body(body: &[u8]) -> Result<Self, BadReading> {
        if body.len() > MAX_REPORT {
            return Err(BadReading::Oversized);
        }
        let reading: Self = serde_json::from_slice(body)?;
        reading.check()?;
        Ok(reading)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Application, Host, Intent, Port, Pressure, Timestamp};

    fn share() -> impl Strategy<Value = Option<f64>> {
        prop::option::of(0.0..=1.0f64)
    }

    fn port() -> impl Strategy<Value = Port> {
        let intent = prop_oneof![
            Just(Intent::Ready),
            Just(Intent::Drain),
            Just(Intent::Maintenance),
            Just(Intent::Down)
        ];
        let counts = (
            prop::option::of(0..1u64 << 32),
            prop::option::of(0..1u64 << 32),
        );
        (any::<u16>(), counts, share(), share(), share(), intent).prop_map(
            |(port, counts, utilisation, execution_time, errors_per_second, intent)| Port {
                port,
                clients: counts.0,
                application: Application {
                    utilisation,
                    execution_time,
                    requests_per_second: errors_per_second.map(|e| e * 1e8),
                    errors_per_second,
                    in_flight: counts.1,
                },
                intent,
            },
        )
    }

    prop_compose! {
        fn reading()(
            agent in "[a-z0-9.-]{1,40}",
            instance: u64,
            sequence: u64,
            at: u64,
            cpu in share(),
            memory in share(),
            stalls in share(),
            ports in prop::collection::vec(port(), 0..8),
            labels in prop::collection::vec("[a-z=]{1,10}", 0..5),
        ) -> Reading {
            Reading {
                agent,
                instance,
                sequence,
                taken_at: Timestamp(at),
                host: Host {
                    cpu,
                    memory,
                    pressure: Pressure { cpu: stalls, memory: None, io: stalls },
                },
                ports,
                labels,
                intent: Intent::Ready,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read(reading in reading()) {
            let body = reading.to_body().unwrap();
            prop_assert_eq!(Reading::from_body(&body).unwrap(), reading);
        }

        #[test]
        fn any_bytes_are_a_report_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reading::from_body(&bytes);
        }

        /// One byte changed on the way: read as something that can be, or refused.
        #[test]
        fn a_damaged_report_is_refused_or_sane(reading in reading(), at: prop::sample::Index, to: u8) {
            let mut body = reading.to_body().unwrap();
            let place = at.index(body.len());
            body[place] = to;
            if let Ok(read) = Reading::from_body(&body) {
                prop_assert_eq!(read.check(), Ok(()));
            }
        }
    }

    #[test]
    fn refusals() {
        let huge = vec![b' '; MAX_REPORT + 1];
        assert!(matches!(
            Reading::from_body(&huge),
            Err(BadReading::Oversized)
        ));
        let negative = br#"{"agent":"a","instance":1,"sequence":1,"taken_at":1,"host":{"cpu":-1}}"#;
        assert!(matches!(
            Reading::from_body(negative),
            Err(BadReading::Absurd(_))
        ));
        let infinite =
            br#"{"agent":"a","instance":1,"sequence":1,"taken_at":1,"host":{"cpu":1e999}}"#;
        assert!(matches!(
            Reading::from_body(infinite),
            Err(BadReading::Malformed(_))
        ));
        let mut nan = Reading {
            agent: "a".into(),
            ..Reading::default()
        };
        nan.host.cpu = Some(f64::NAN);
        assert!(matches!(nan.to_body(), Err(BadReading::Absurd(_))));
    }
}
