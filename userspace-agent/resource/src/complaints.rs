// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Ignored reports are logged, but not each of them.

use std::collections::HashMap;
use std::time::Duration;

use switchyard_report::{Reason, Timestamp};
use tracing::warn;

/// Time between two lines about the same thing.
const QUIET: Duration = Duration::from_secs(10);

/// What has been complained of lately.
#[derive(Debug, Default)]
pub struct Complaints {
    /// When last, and how many since. Sources are those that are configured, and one
    /// for all strangers, so this does not grow without bounds.
    lately: HashMap<(String, Reason), (Timestamp, u64)>,
}

impl Complaints {
    /// Logs, unless the same was logged a moment ago. Returns whether it did.
    pub fn ignored(&mut self, who: &str, reason: Reason, detail: &str, now: Timestamp) -> bool {
        let key = (who.to_string(), reason);
        let also = match self.lately.get_mut(&key) {
            Some((last, silent)) if now.since(*last) < QUIET => {
                *silent += 1;
                return false;
            }
            Some((_, silent)) => *silent,
            None => 0,
        };
        self.lately.insert(key, (now, 0));
        warn!(source = who, %reason, detail, also, "a report is ignored");
        true
    }

    /// Forgets sources that are no more.
    pub fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.lately.retain(|(who, _), _| is_known(who));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds() {
        let mut complaints = Complaints::default();
        let mut told = 0u32;
        for ms in (0..20_000).step_by(10) {
            told += u32::from(complaints.ignored("a", Reason::Stale, "", Timestamp(ms)));
        }
        assert_eq!(told, 2);
        assert!(complaints.ignored("a", Reason::Forged, "", Timestamp(19_999)));
        assert!(complaints.ignored("b", Reason::Stale, "", Timestamp(19_999)));
    }
}
