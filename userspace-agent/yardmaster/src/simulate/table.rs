// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The table of a simulation.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use super::result::RunResult;

/// The runs as text, phase by phase.
#[must_use]
pub fn table(runs: &[RunResult]) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header([
        "PHASE", "LOAD", "RUN", "REQUESTS", "ERRORS %", "P50 MS", "P99 MS", "P99.9 MS", "UTIL MIN",
        "MEAN", "MAX", "MAX/MEAN", "WRITES/S",
    ]);
    let phases = runs.first().map_or(0, |run| run.phases.len());
    for phase in 0..phases {
        for run in runs {
            let Some(result) = run.phases.get(phase) else {
                continue;
            };
            let [least, mean, most] = result.utilisation;
            table.add_row([
                result.phase.clone(),
                format!("{:.2}", result.load),
                run.name.clone(),
                result.requests.to_string(),
                format!("{:.2}", result.error_rate() * 100.0),
                format!("{:.1}", result.p50 * 1000.0),
                format!("{:.1}", result.p99 * 1000.0),
                format!("{:.1}", result.p999 * 1000.0),
                format!("{least:.3}"),
                format!("{mean:.3}"),
                format!("{most:.3}"),
                format!("{:.3}", result.peak_to_mean),
                format!("{:.1}", result.writes_per_second),
            ]);
        }
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        if i == 0 {
            column.set_padding((0, 1));
        }
        if i != 0 && i != 2 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}
