// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the master takes from `switchyard.toml`: the file is everybody's.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use switchyard_config::{Config, MasterSettings, ReadError, ServiceConfig};
use switchyard_report::tls::Identity;
use switchyard_report::TargetKey;
use switchyard_resource::{CheckSpec, TargetSpec};
use yardmaster::{DestinationPlan, ServicePlan};

/// What the master does.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its own section.
    pub master: MasterSettings,
    /// The services whose weights it makes, until the master takes them.
    pub services: Vec<ServicePlan>,
    /// Where the reports of each destination come from, and what is checked.
    pub targets: Vec<TargetSpec>,
}

impl Settings {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Ok(Self::of(switchyard_config::read(path)?))
    }

    fn of(config: Config) -> Self {
        let (mut services, mut targets) = (Vec::new(), Vec::new());
        for service in config.services.into_iter().flatten() {
            targets.extend(targets_of(&service));
            services.push(plan(service));
        }
        Self {
            master: config.master,
            services,
            targets,
        }
    }

    /// Who the master is to agents.
    pub fn identity(master: &MasterSettings) -> Option<Identity> {
        master.tls.clone().map(|files| Identity {
            ca: files.ca,
            certificate: files.certificate,
            key: files.key,
        })
    }
}

fn endpoint(key: &switchyard_netlink::DestinationKey) -> SocketAddr {
    SocketAddr::new(key.address, key.port.unwrap_or(key.service.port))
}

fn targets_of(service: &ServiceConfig) -> impl Iterator<Item = TargetSpec> + '_ {
    let name: Arc<str> = service.key.to_string().into();
    let shared = service.source.clone().map(Arc::new);
    let checks: Arc<[CheckSpec]> = service.checks.as_slice().into();
    service.destinations.iter().map(move |destination| {
        let own = destination.source.as_deref();
        let source = own.cloned().map(Arc::new).or_else(|| shared.clone());
        let own = destination.checks.as_deref();
        let checks = own.map_or_else(|| Arc::clone(&checks), Into::into);
        TargetSpec {
            key: TargetKey {
                service: Arc::clone(&name),
                destination: endpoint(&destination.key),
            },
            source,
            checks,
        }
    })
}

fn plan(service: ServiceConfig) -> ServicePlan {
    let destinations = service.destinations.into_iter();
    ServicePlan {
        key: service.key,
        policy: service.policy.unwrap_or_default(),
        destinations: destinations
            .map(|destination| DestinationPlan {
                endpoint: endpoint(&destination.key),
                weight: destination.values.weight,
                labels: destination.labels,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use yardmaster::{Algorithm, Policy};

    fn parse(text: &str) -> Result<Settings, String> {
        let config = switchyard_config::parse("test.toml", text).map_err(|e| e.to_string())?;
        Ok(Settings::of(config))
    }

    #[test]
    fn a_file_is_understood() {
        let settings = parse(
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
        let all = parse(&uncommented.join("\n")).unwrap();
        let policy = Policy {
            wants: vec!["gpu".into()],
            ..Policy::new(Algorithm::Even)
        };
        assert_eq!(all.services[0].policy, policy);
        let defaults = MasterSettings::default();
        assert_eq!(all.master.round, defaults.round);
        assert_eq!(all.master.kept_connections, defaults.kept_connections);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let service = "[[service]]\nservice = \"tcp 192.0.2.80:80\"\n";
        for (text, words) in [
            (
                "[yardmaster]\nround = \"1ms\"",
                "yardmaster.round is from 10ms to 1m",
            ),
            (
                "[yardmaster]\nkept-connections = 1000001",
                "yardmaster.kept-connections is from 0 to 1000000",
            ),
            (
                "[yardmaster]\nkept-connections = -1",
                "test.toml:2:20: invalid value: integer `-1`",
            ),
            (
                "[yardmaster]\nrounds = 1",
                "test.toml:2:1: unknown field `rounds`",
            ),
            (
                "[[service]]\nservice = \"tcp\"",
                "test.toml:2:11: `tcp` is no service",
            ),
            (&format!("{service}{service}"), "is there twice"),
            (
                &format!("{service}policy.gain = 7"),
                "test.toml:3:1: policy: gain is 7, not from 0.01 to 1",
            ),
            (
                &format!(
                    "{service}[[service.destination]]\naddress = \"10.0.0.2\"\nweight = 70000"
                ),
                "a weight is from 0 to 65535, not 70000",
            ),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
