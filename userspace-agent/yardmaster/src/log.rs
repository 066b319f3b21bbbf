// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The log: lines on standard error, for the journal.

use tracing_subscriber::filter::LevelFilter;

use crate::cli::{Level, RunArgs};

/// Begins to log.
pub fn start(args: &RunArgs) {
    let level = match args.log_level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    if args.log_json {
        subscriber.json().init();
    } else {
        // The journal has the time.
        subscriber.with_ansi(false).without_time().init();
    }
}
