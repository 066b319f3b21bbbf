// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A decision in words: inputs, formula and result.

use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::decision::{Decision, DestinationDecision};
use crate::Load;
use switchyard_report::Health;

/// A number with three digits that tell something, or nothing.
fn short(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(v) if v >= 100.0 => format!("{v:.0}"),
        Some(v) if v >= 10.0 => format!("{v:.1}"),
        Some(v) => format!("{v:.2}"),
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or("-".into(), |v| format!("{:.1}%", v * 100.0))
}

fn milliseconds(value: Option<f64>) -> String {
    value.map_or("-".into(), |v| format!("{}ms", short(Some(v * 1000.0))))
}

/// A table without lines, its numbers to the right.
fn aligned(table: &mut Table, left: &[usize]) -> String {
    for (i, column) in table.column_iter_mut().enumerate() {
        if i == 0 {
            column.set_padding((0, 1));
        }
        if !left.contains(&i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// How the level of a destination came about.
fn story(d: &DestinationDecision) -> String {
    let mut story = String::new();
    for (name, value) in &d.terms {
        let _ = write!(story, "{name}={} ", four(*value));
    }
    if !d.reason.is_empty() {
        let _ = write!(story, "{} ", d.reason);
    }
    if d.state.is_serving() {
        let _ = write!(story, "-> {}", four(d.wanted));
        if let Some(limit) = d.limit {
            let _ = write!(story, ", {limit} -> {}", four(d.level));
        } else if (d.wanted / d.level - 1.0).abs() > 1e-3 {
            let _ = write!(story, ", by steps -> {}", four(d.level));
        }
        if d.slow_start < 1.0 {
            let _ = write!(story, ", slow start {:.0}%", d.slow_start * 100.0);
        }
    }
    story.trim_end().to_owned()
}

/// Four digits that tell something.
fn four(value: f64) -> String {
    if value == 0.0 || value.abs() >= 0.01 {
        let digits = match value.abs() {
            v if v >= 1000.0 => 0,
            v if v >= 100.0 => 1,
            v if v >= 10.0 => 2,
            _ => 3,
        };
        format!("{value:.digits$}")
    } else {
        format!("{value:.5}")
    }
}

/// The decision as an operator reads it.
#[must_use]
pub fn explain(decision: &Decision) -> String {
    let mut text = String::new();
    let numbers = if decision.exact {
        "the configured numbers"
    } else {
        "levels by a thousand on average"
    };
    let _ = writeln!(text, "{}: {}", decision.service, decision.algorithm);
    let _ = writeln!(text, "formula: {}", decision.formula);
    let _ = writeln!(text, "weights: {numbers}");
    text.push('\n');
    let mut inputs = Table::new();
    inputs.load_preset(NOTHING).set_header([
        "DESTINATION",
        "STATE",
        "HEALTH",
        "AGE",
        "UTILISATION",
        "REQ/S",
        "ERR/S",
        "IN FLIGHT",
        "LATENCY",
        "ASKS",
        "CONN",
        "CONN/S",
        "UNANSWERED",
    ]);
    for d in &decision.destinations {
        let Load {
            utilisation,
            requests,
            errors,
            in_flight,
            latency,
            wanted_share,
        } = d.smoothed;
        inputs.add_row([
            d.endpoint.to_string(),
            d.state.to_string(),
            d.health.to_string(),
            d.age.map_or("-".into(), |age| format!("{age:.1}s")),
            percent(utilisation),
            short(requests),
            short(errors),
            short(in_flight),
            milliseconds(latency),
            percent(wanted_share),
            d.signs.connections.map_or("-".into(), |n| n.to_string()),
            short(d.signs.connections_per_second),
            d.signs
                .unanswered
                .map_or("-".into(), |time| format!("{time:.1}s")),
        ]);
    }
    text.push_str(&aligned(&mut inputs, &[0, 1, 2]));
    for d in &decision.destinations {
        if let Some(trouble) = &d.trouble {
            let what = if d.health == Health::Down {
                "its checks fail"
            } else {
                "its agent is not heard"
            };
            let _ = writeln!(text, "{}: {what}: {trouble}", d.endpoint);
        }
    }
    text.push('\n');
    let mut results = Table::new();
    results.load_preset(NOTHING).set_header([
        "DESTINATION",
        "CONFIGURED",
        "WEIGHT",
        "KERNEL",
        "SHARE",
        "LEVEL",
    ]);
    for d in &decision.destinations {
        results.add_row([
            d.endpoint.to_string(),
            d.configured.to_string(),
            d.weight.to_string(),
            d.written.map_or("absent".into(), |w| w.to_string()),
            percent(Some(d.share)),
            story(d),
        ]);
    }
    text.push_str(&aligned(&mut results, &[0, 5]));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Balance, DestinationPlan, Policy, ServicePlan};
    use std::sync::Arc;
    use switchyard_report::{LoadReport, Passive, Standing, Timestamp};

    #[test]
    fn a_decision_tells_inputs_formula_and_result() {
        let destination = |endpoint: &str| DestinationPlan {
            endpoint: endpoint.parse().unwrap(),
            weight: 1,
            labels: Vec::new(),
        };
        let plan = ServicePlan {
            key: "tcp 192.0.2.1:80".parse().unwrap(),
            policy: Policy::new(crate::Algorithm::Even),
            destinations: ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]
                .map(destination)
                .to_vec(),
        };
        let mut balance = Balance::new(plan, Timestamp(0));
        let standing = |cpu| Standing {
            report: Some(Arc::new(LoadReport {
                cpu: Some(cpu),
                ..LoadReport::default()
            })),
            received_at: Some(Timestamp(500)),
            health: Health::Up,
            passive: Passive {
                active: Some(7),
                connections_per_second: Some(2.5),
                silent_for: Some(std::time::Duration::from_secs(3)),
                ..Passive::default()
            },
            ..Standing::default()
        };
        let (busy, idle) = (standing(0.9), standing(0.3));
        let idle = Standing {
            health: Health::Down,
            last_failure: Some("connection refused".into()),
            ..idle
        };
        let (busy, idle) = (Arc::new(busy), Arc::new(idle));
        let third = Arc::new(standing(0.3));
        for now in [500, 1000] {
            balance.round(Timestamp(now), |endpoint| {
                Some(match endpoint.to_string().as_str() {
                    "10.0.0.1:80" => &busy,
                    "10.0.0.2:80" => &idle,
                    _ => &third,
                })
            });
        }
        let text = explain(&balance.decision());
        for words in [
            "tcp 192.0.2.1:80: even\n",
            "formula: level = w * ((U + 0.03) / (u + 0.03))^0.7\n",
            "10.0.0.1:80  reporting  up      0.5s        90.0%",
            "  7    2.50        3.0s\n",
            "10.0.0.2:80: its checks fail: connection refused\n",
            "w=1.000 u=0.900 U=",
            ", slew -> 0.741",
        ] {
            assert!(text.contains(words), "no {words:?} in\n{text}");
        }
    }
}
