// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the master takes from `/etc/switchyard/switchyard.toml`.
//!
//! The file is everybody's: keys that are not the master's are for others to look at.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use switchyard_netlink::{DestinationKey, ServiceKey};
use switchyard_report::tls::Identity;
use switchyard_report::TargetKey;
use switchyard_resource::{CheckSpec, SourceSpec, TargetSpec};
use yardmaster::{DestinationPlan, Policy, ServicePlan};

/// Where the file is unless one is named.
pub const DEFAULT_PATH: &str = "/etc/switchyard/switchyard.toml";
/// Where the control socket is unless the file says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/switchyard/yardmaster.sock";

/// A file that cannot be used; says where and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {words}", path.display())]
pub struct BadSettings {
    path: PathBuf,
    words: String,
}

/// What the master does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its own section.
    pub master: MasterSettings,
    /// The services whose weights it makes.
    pub services: Vec<ServicePlan>,
    /// Where the reports of each destination come from, and what is checked.
    pub targets: Vec<TargetSpec>,
}

/// The section `[yardmaster]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct MasterSettings {
    /// Time between two rounds.
    #[serde(with = "humantime_serde")]
    pub round: Duration,
    /// The control socket.
    pub socket: PathBuf,
    /// Where metrics are served; nowhere unless given.
    pub metrics: Option<SocketAddr>,
    /// Who we are to agents.
    pub tls: Option<Identity>,
    /// Where agents may send reports to; nowhere unless given.
    pub listen: Option<SocketAddr>,
}

impl Default for MasterSettings {
    fn default() -> Self {
        Self {
            round: Duration::from_millis(250),
            socket: DEFAULT_SOCKET.into(),
            metrics: None,
            tls: None,
            listen: None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    yardmaster: MasterSettings,
    service: Vec<ServiceSection>,
}

#[derive(Debug, Deserialize)]
struct ServiceSection {
    service: String,
    policy: Option<Policy>,
    /// Of those destinations that have none of their own.
    source: Option<SourceSpec>,
    #[serde(default)]
    check: Vec<CheckSpec>,
    #[serde(default)]
    destination: Vec<DestinationSection>,
}

#[derive(Debug, Deserialize)]
struct DestinationSection {
    address: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    labels: Vec<String>,
    source: Option<SourceSpec>,
    check: Option<Vec<CheckSpec>>,
}

const fn one() -> u32 {
    1
}

impl Settings {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, BadSettings> {
        let bad = |words: String| BadSettings {
            path: path.to_owned(),
            words,
        };
        let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
        Self::parse(&text).map_err(bad)
    }

    fn parse(text: &str) -> Result<Self, String> {
        // Its message has line, column and the line itself.
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let round = file.yardmaster.round;
        if round < Duration::from_millis(10) || round > Duration::from_secs(60) {
            return Err("yardmaster.round is from 10ms to 1m".into());
        }
        let (mut services, mut targets) = (Vec::new(), Vec::new());
        for section in file.service {
            let key: ServiceKey = section
                .service
                .parse()
                .map_err(|e| format!("service: {e}"))?;
            let (plan, its) =
                service(key, section).map_err(|words| format!("service {key}: {words}"))?;
            services.push(plan);
            targets.extend(its);
        }
        twice(&services)?;
        Ok(Self {
            master: file.yardmaster,
            services,
            targets,
        })
    }
}

fn service(
    key: ServiceKey,
    section: ServiceSection,
) -> Result<(ServicePlan, Vec<TargetSpec>), String> {
    let policy = section.policy.unwrap_or_default();
    policy.check().map_err(|e| format!("policy: {e}"))?;
    let name: std::sync::Arc<str> = key.to_string().into();
    let (mut destinations, mut targets) = (Vec::new(), Vec::new());
    for mut destination in section.destination {
        let source = destination.source.take().or_else(|| section.source.clone());
        let checks = destination.check.take();
        let checks = checks.unwrap_or_else(|| section.check.clone());
        let address = destination.address.clone();
        let named = |words: String| format!("destination {address}: {words}");
        if let Some(source) = &source {
            source.check().map_err(|e| named(format!("source: {e}")))?;
        }
        for check in &checks {
            check.check().map_err(|e| named(format!("check: {e}")))?;
        }
        let plan = plan(key, destination)?;
        targets.push(TargetSpec {
            key: TargetKey {
                service: std::sync::Arc::clone(&name),
                destination: plan.endpoint,
            },
            source,
            checks,
        });
        destinations.push(plan);
    }
    let plan = ServicePlan {
        key,
        policy,
        destinations,
    };
    Ok((plan, targets))
}

fn plan(service: ServiceKey, section: DestinationSection) -> Result<DestinationPlan, String> {
    let key = DestinationKey::parse(service, &section.address)
        .map_err(|e| format!("destination: {e}"))?;
    if section.weight > yardmaster::MAX_WEIGHT {
        return Err(format!(
            "destination {}: a weight is from 0 to {}, not {}",
            section.address,
            yardmaster::MAX_WEIGHT,
            section.weight
        ));
    }
    Ok(DestinationPlan {
        endpoint: SocketAddr::new(key.address, key.port.unwrap_or(service.port)),
        weight: section.weight,
        labels: section.labels,
    })
}

/// Refuses what is there more than once.
fn twice(services: &[ServicePlan]) -> Result<(), String> {
    let mut keys = std::collections::BTreeSet::new();
    for service in services {
        if !keys.insert(service.key) {
            return Err(format!("service {} is there twice", service.key));
        }
        let mut endpoints = std::collections::BTreeSet::new();
        for destination in &service.destinations {
            if !endpoints.insert(destination.endpoint) {
                return Err(format!(
                    "service {}: destination {} is there twice",
                    service.key, destination.endpoint
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yardmaster::Algorithm;

    #[test]
    fn a_file_is_understood() {
        let settings = Settings::parse(
            r#"
            [yardmaster]
            round = "400ms"
            metrics = "127.0.0.1:9750"

            [[service]]
            service = "tcp 192.0.2.80:80"
            scheduler = "rr"
            [service.policy]
            algorithm = "even"
            slow-start = "10s"
            wants = ["gpu"]
            [[service.destination]]
            address = "10.0.0.2:8080"
            weight = 3
            labels = ["gpu"]
            [[service.destination]]
            address = "10.0.0.3"
            "#,
        )
        .unwrap();
        assert_eq!(settings.master.round, Duration::from_millis(400));
        let service = &settings.services[0];
        assert_eq!(service.policy.algorithm, Algorithm::Even);
        assert_eq!(service.policy.slow_start, Duration::from_secs(10));
        assert_eq!(service.destinations[0].weight, 3);
        assert_eq!(service.destinations[1].endpoint.to_string(), "10.0.0.3:80");
        assert_eq!(service.destinations[1].weight, 1);
    }

    #[test]
    fn the_example_is_right() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("yardmaster.toml");
        let settings = Settings::read(&path).unwrap();
        assert_eq!(settings.targets.len(), 2);
        let source = |i: usize| settings.targets[i].source.as_ref().unwrap();
        assert_eq!(source(0).name.as_deref(), Some("web1"));
        assert_eq!(source(1).name, None);
        assert_eq!(settings.targets[1].checks.len(), 1);
        // What is commented out as a default is one.
        let text = std::fs::read_to_string(path).unwrap();
        let uncommented: Vec<&str> = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.contains(" = ") && !rest.contains("listen") => rest,
                _ => line,
            })
            .collect();
        let all = Settings::parse(&uncommented.join("\n")).unwrap();
        let policy = Policy {
            wants: vec!["gpu".into()],
            ..Policy::new(Algorithm::Even)
        };
        assert_eq!(all.services[0].policy, policy);
        assert_eq!(all.master.round, MasterSettings::default().round);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let service = "[[service]]\nservice = \"tcp 192.0.2.80:80\"\n";
        for (text, words) in [
            (
                "[yardmaster]\nround = \"1ms\"",
                "yardmaster.round is from 10ms to 1m",
            ),
            ("[yardmaster]\nrounds = 1", "line 2, column 1"),
            (
                "[[service]]\nservice = \"tcp\"",
                "service: `tcp` is no service",
            ),
            (&format!("{service}{service}"), "is there twice"),
            (
                &format!("{service}policy.gain = 7"),
                "service tcp 192.0.2.80:80: policy: gain is 7, not from 0.01 to 1",
            ),
            (
                &format!(
                    "{service}[[service.destination]]\naddress = \"10.0.0.2\"\nweight = 70000"
                ),
                "a weight is from 0 to 65535, not 70000",
            ),
        ] {
            let said = Settings::parse(text).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_configuration_or_an_error(text in ".{0,200}") {
            let _ = Settings::parse(&text);
        }

        /// The example with something else in the place of some of it.
        #[test]
        fn so_is_a_torn_example(
            at in 0_usize..4000,
            length in 0_usize..60,
            put in "(\\PC{0,8}|-?[0-9.e]{1,12}|\"[0-9./:a-z\\[\\]-]{0,20}\"|inf|nan|\\[\\[?)",
        ) {
            let example = include_str!("../../yardmaster.toml");
            let mut bytes = example.replace("# ", "").into_bytes();
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, put.bytes());
            if let Err(words) = Settings::parse(&String::from_utf8_lossy(&bytes)) {
                proptest::prop_assert!(!words.is_empty());
            }
        }
    }
}
