// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the tasks tell the manager.

use std::sync::Arc;

use switchyard_report::{LoadReport, Reading, Reason, TargetKey};
use tokio::sync::{mpsc, oneshot};

use crate::spec::Source;

/// Where events go.
pub type Events = mpsc::Sender<Event>;

/// What the tasks tell the manager.
#[derive(Debug)]
pub enum Event {
    /// A reading that has been judged and is news.
    Reading(Arc<Source>, Box<Reading>),
    /// The load of the destinations of a source that tells of only one.
    Load(Arc<Source>, Box<LoadReport>),
    /// A reading that was pushed, by who bears its name. The answer is whether it
    /// counts.
    Pushed(Box<Reading>, oneshot::Sender<Result<(), Reason>>),
    /// A report that does not count.
    Ignored {
        /// Whose it is, if that is known.
        source: Option<Arc<Source>>,
        /// Why it does not.
        reason: Reason,
        /// The same in words.
        detail: String,
    },
    /// The source cannot be had, or can again.
    Trouble(Arc<Source>, Option<String>),
    /// A check came to a result.
    Check {
        /// Whose it is.
        target: TargetKey,
        /// Which set of the target's checks; those of an older one do not count.
        round: u64,
        /// Which of them.
        index: usize,
        /// What was wrong.
        result: Result<(), String>,
    },
}
