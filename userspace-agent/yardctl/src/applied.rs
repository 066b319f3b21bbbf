// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What `apply` has done.

use serde::Serialize;
use switchyard_config::{Plan, Step};

use crate::failure::Failure;

/// A plan, and how far it was carried out.
pub struct Applied {
    /// What was to be done.
    pub plan: Plan,
    /// Which of its steps were made and have not been undone.
    pub done: Vec<bool>,
    /// Why not all of them, if not.
    pub result: Result<(), Failure>,
}

/// A step as programs read it.
#[derive(Serialize)]
pub struct Made<'a> {
    #[serde(flatten)]
    step: &'a Step,
    /// Whether it was made and has not been undone.
    done: bool,
}

impl Applied {
    /// The steps, each with what has become of it.
    pub fn steps(&self) -> Vec<Made<'_>> {
        let steps = self.plan.steps.iter().zip(&self.done);
        steps
            .map(|(step, done)| Made { step, done: *done })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{json, Value};
    use switchyard_config::{parse, Running};

    #[test]
    fn a_step_tells_whether_it_was_made() {
        let text = "[yard0]\naddresses = [\"192.0.2.80/32\"]\n\
                    [[service]]\nservice = \"tcp 192.0.2.80:80\"\nscheduler = \"rr\"\n";
        let config = parse("f", text).unwrap();
        let applied = Applied {
            plan: Plan::new(&config, &Running::default(), false),
            done: vec![true, false],
            result: Err(Failure::Other("refused".into())),
        };
        let text = serde_json::to_string(&applied.steps()).unwrap();
        let told: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            told,
            json!([
                {"action": "add", "what": "address",
                 "key": {"address": "192.0.2.80", "prefix_length": 32},
                 "fields": {}, "done": true},
                {"action": "add", "what": "service",
                 "key": {"protocol": "tcp", "address": "192.0.2.80", "port": 80},
                 "fields": {"scheduler": {"before": null, "after": "rr"}}, "done": false},
            ])
        );
    }
}
