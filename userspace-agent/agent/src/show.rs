// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `yard-agent show`: one reading, printed.

use std::io::{self, Write};

use switchyard_report::Reading;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::run;

/// Takes a reading and prints it.
pub fn show(cli: &Cli) -> Result<(), Failure> {
    let reading = run::one_reading(&run::config(cli)?)?;
    let mut out = io::stdout().lock();
    if cli.json {
        let text = serde_json::to_string_pretty(&reading).map_err(io::Error::from)?;
        writeln!(out, "{text}")?;
    } else {
        print(&mut out, &reading)?;
    }
    Ok(())
}

fn print(out: &mut impl Write, reading: &Reading) -> io::Result<()> {
    let percent = |share: Option<f64>| {
        share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
    };
    let number = |value: Option<String>| value.unwrap_or_else(|| "-".into());
    let host = &reading.host;
    writeln!(out, "agent     {}", reading.agent)?;
    if !reading.labels.is_empty() {
        writeln!(out, "labels    {}", reading.labels.join(" "))?;
    }
    writeln!(out, "cpu       {}", percent(host.cpu))?;
    writeln!(out, "memory    {}", percent(host.memory))?;
    let stalls = &host.pressure;
    writeln!(
        out,
        "pressure  cpu {}, memory {}, io {}",
        percent(stalls.cpu),
        percent(stalls.memory),
        percent(stalls.io)
    )?;
    for port in &reading.ports {
        let application = &port.application;
        let rate = |rate: Option<f64>| number(rate.map(|rate| format!("{rate:.1}/s")));
        writeln!(
            out,
            "port {:<5}clients {}, requests {}, errors {}, in flight {}, time {}, utilisation {}",
            port.port,
            number(port.clients.map(|n| n.to_string())),
            rate(application.requests_per_second),
            rate(application.errors_per_second),
            number(application.in_flight.map(|n| n.to_string())),
            number(
                application
                    .execution_time
                    .map(|t| format!("{:.1} ms", t * 1e3))
            ),
            percent(application.utilisation),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_report::{Application, Port};

    #[test]
    fn what_is_not_told_is_a_dash() {
        let reading = Reading {
            agent: "web1".into(),
            ports: vec![Port {
                port: 8080,
                clients: Some(3),
                application: Application {
                    execution_time: Some(0.0125),
                    ..Application::default()
                },
                ..Port::default()
            }],
            ..Reading::default()
        };
        let mut text = Vec::new();
        print(&mut text, &reading).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("cpu       -\n"), "{text}");
        assert!(
            text.contains("port 8080 clients 3, requests -, errors -, in flight -, time 12.5 ms"),
            "{text}"
        );
    }
}
