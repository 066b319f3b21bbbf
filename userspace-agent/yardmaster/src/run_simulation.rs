// SPDX-License-Identifier: GPL-2.0 OR MIT

//! `yardmaster simulate`.

use std::io::Write;

use switchyard_netlink::Scheduler;
use yardmaster::simulate::{self, Kind, RunResult, Scenario};
use yardmaster::{Algorithm, Policy};

use crate::cli::SimulateArgs;
use crate::failure::Failure;

/// The runs by name: an algorithm, and whether the kernel's scheduler is rr in any case.
const RUNS: [(&str, Algorithm, bool); 6] = [
    ("round-robin", Algorithm::Static, true),
    ("static", Algorithm::Static, false),
    ("even", Algorithm::Even, false),
    ("capacity", Algorithm::Capacity, false),
    ("latency", Algorithm::Latency, false),
    ("capability", Algorithm::Capacity, false),
];

/// Runs what is asked for and prints the results.
pub fn run(args: &SimulateArgs, out: &mut impl Write) -> Result<(), Failure> {
    for name in &args.runs {
        if !RUNS.iter().any(|run| run.0 == name) {
            let known: Vec<&str> = RUNS.iter().map(|run| run.0).collect();
            return Err(Failure::Usage(format!(
                "`{name}` is no run: {} are",
                known.join(", ")
            )));
        }
    }
    if !(0.0..=1.0).contains(&args.noise) {
        return Err(Failure::Usage("--noise is from 0 to 1".into()));
    }
    if !(1.0..=1e6).contains(&args.requests_per_connection) {
        return Err(Failure::Usage(
            "--requests-per-connection is from 1 to 1000000".into(),
        ));
    }
    let results: Vec<RunResult> = RUNS
        .iter()
        .filter(|run| args.runs.is_empty() || args.runs.iter().any(|name| name == run.0))
        .map(|&(name, algorithm, is_rr)| {
            simulate::run(name, &scenario(args, name, algorithm, is_rr))
        })
        .collect();
    if let Some(file) = &args.plot {
        let title = format!("yardmaster simulate {}, {}", args.scenario, args.scheduler);
        let image = simulate::plot(&title, &results).map_err(|e| Failure::Other(e.to_string()))?;
        std::fs::write(file, image)
            .map_err(|e| Failure::Other(format!("cannot write {}: {e}", file.display())))?;
    }
    if args.json {
        serde_json::to_writer_pretty(&mut *out, &results)?;
        writeln!(out)?;
    } else {
        out.write_all(simulate::table(&results).as_bytes())?;
        for result in results.iter().filter(|_| args.explain) {
            if let Some(decision) = &result.decision {
                writeln!(out, "\n{}\n{}", result.name, yardmaster::explain(decision))?;
            }
        }
    }
    Ok(())
}

fn scenario(args: &SimulateArgs, name: &str, algorithm: Algorithm, is_rr: bool) -> Scenario {
    let mut policy = Policy::new(algorithm);
    if let Some(smoothing) = args.smoothing {
        policy.smoothing = smoothing;
    }
    if name == "capability" {
        policy.wants = vec!["capable".into()];
    }
    let (servers, seconds) = match args.scenario {
        Kind::Ramp => (100, 20),
        Kind::Mixed => (100, 120),
        Kind::Antagonist => (20, 30),
    };
    let mut scenario = Scenario::new(
        args.scenario,
        args.servers.map_or(servers, usize::from),
        f64::from(args.seconds.unwrap_or(seconds)),
        policy,
    );
    scenario.scheduler = if is_rr { Scheduler::Rr } else { args.scheduler };
    scenario.seed = args.seed;
    scenario.requests_per_connection = args.requests_per_connection;
    scenario.control.round = args.round;
    scenario.control.report_every = args.report_every;
    scenario.control.report_delay = args.report_delay;
    scenario.control.noise = args.noise;
    scenario
}
