// SPDX-License-Identifier: GPL-2.0 OR MIT

//! In which order the steps of a plan are made, and which of them stay when one fails.

use switchyard_config::{Action, Step};

use crate::failure::Failure;

/// Whoever makes the steps.
pub trait Maker {
    /// Makes one that is not a part of the transaction.
    fn step(&mut self, step: &Step) -> Result<(), Failure>;

    /// Makes all that are a part of it, or none.
    fn transaction(&mut self) -> Result<(), Failure>;

    /// Undoes one that [`Maker::step`] has made; says whether it is undone.
    fn undo(&mut self, step: &Step) -> bool;
}

/// Makes the steps, and marks in `done` those that are made and stay so.
///
/// What has to be there for new services comes first, and is undone, the last one first, if it
/// or the transaction fails. What nothing needs any more goes last.
///
/// # Errors
///
/// The first failure; nothing more is made after it.
pub fn carry_out(maker: &mut impl Maker, steps: &[Step], done: &mut [bool]) -> Result<(), Failure> {
    if let Err(failure) = make_first(maker, steps, done) {
        for (step, done) in steps.iter().zip(done).rev().filter(|(_, done)| **done) {
            *done = !maker.undo(step);
        }
        return Err(failure);
    }
    // All of them, whatever becomes of those that lie between them.
    for (step, done) in steps.iter().zip(&mut *done) {
        *done |= is_change(step);
    }
    for (step, done) in steps.iter().zip(done).filter(|(_, done)| !**done) {
        maker.step(step)?;
        *done = true;
    }
    Ok(())
}

fn make_first(maker: &mut impl Maker, steps: &[Step], done: &mut [bool]) -> Result<(), Failure> {
    for (step, done) in steps.iter().zip(done) {
        if comes_first(step) {
            maker.step(step)?;
            *done = true;
        }
    }
    if steps.iter().any(is_change) {
        maker.transaction()?;
    }
    Ok(())
}

/// Whether a step is a part of the transaction.
pub fn is_change(step: &Step) -> bool {
    matches!(step.action, Action::Change(_))
}

/// Whether a step is made before the transaction.
fn comes_first(step: &Step) -> bool {
    matches!(
        step.action,
        Action::Set(_) | Action::AddAddress(_) | Action::Claim(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_config::{parse, Plan, Running};

    /// Two addresses and a claim come, two services change, an address and a claim go.
    fn steps() -> Vec<Step> {
        let text = "[yard0]\naddresses = [\"192.0.2.80/32\", \"192.0.2.81/32\"]\n\
                    [[claim]]\ndevice = \"eth0\"\n\
                    [[service]]\nservice = \"tcp 192.0.2.80:80\"\n\
                    [[service]]\nservice = \"tcp 192.0.2.81:80\"\n";
        let new = parse("f", text).unwrap();
        let mut steps = Plan::new(&new, &Running::default(), false).steps;
        let mut going = steps[..3].to_vec();
        going.retain(|step| !matches!(step.action, Action::Set(_)));
        for mut step in going {
            step.action = match step.action {
                Action::AddAddress(address) => Action::RemoveAddress(address),
                Action::Claim(_) => Action::Release("eth1".into()),
                ref other => panic!("{other:?}"),
            };
            // Between the services, too.
            let place = steps.iter().position(is_change).unwrap() + 1;
            steps.insert(place, step);
        }
        steps
    }

    /// Fails at the step of a number, counted as they are made; undoes all but some.
    #[derive(Default)]
    struct Broken {
        fails_at: usize,
        made: usize,
        keeps: usize,
        undone: Vec<Action>,
    }

    impl Broken {
        fn next(&mut self) -> Result<(), Failure> {
            self.made += 1;
            if self.made == self.fails_at {
                return Err(Failure::Other("no".into()));
            }
            Ok(())
        }
    }

    impl Maker for Broken {
        fn step(&mut self, _: &Step) -> Result<(), Failure> {
            self.next()
        }

        fn transaction(&mut self) -> Result<(), Failure> {
            self.next()
        }

        fn undo(&mut self, step: &Step) -> bool {
            self.undone.push(step.action.clone());
            self.undone.len() > self.keeps
        }
    }

    /// What stays when that one fails, in the order of the plan.
    fn stays(maker: &mut Broken) -> String {
        let steps = steps();
        let mut done = vec![false; steps.len()];
        let result = carry_out(maker, &steps, &mut done);
        assert_eq!(result.is_err(), maker.fails_at != 0);
        done.iter()
            .map(|done| if *done { '+' } else { '-' })
            .collect()
    }

    fn fails_at(fails_at: usize) -> String {
        stays(&mut Broken {
            fails_at,
            ..Broken::default()
        })
    }

    #[test]
    fn before_the_transaction_nothing_stays() {
        let kinds: String = steps()
            .iter()
            .map(|step| match step.action {
                Action::Change(_) => 'c',
                ref action if comes_first(step) => {
                    assert!(!matches!(action, Action::Release(_)));
                    'f'
                }
                _ => 'l',
            })
            .collect();
        assert_eq!(kinds, "fffclllc");
        for number in 1..=4 {
            assert_eq!(fails_at(number), "--------", "{number}");
        }
        assert_eq!(fails_at(0), "++++++++");
    }

    #[test]
    fn after_it_all_of_it_stays() {
        assert_eq!(fails_at(5), "++++---+");
        assert_eq!(fails_at(6), "+++++--+");
        assert_eq!(fails_at(7), "++++++-+");
    }

    #[test]
    fn what_is_not_undone_stays() {
        let mut maker = Broken {
            fails_at: 4,
            keeps: 1,
            ..Broken::default()
        };
        assert_eq!(stays(&mut maker), "--+-----");
        let first: Vec<Action> = steps()
            .into_iter()
            .take(3)
            .map(|step| step.action)
            .collect();
        assert!(maker.undone.iter().eq(first.iter().rev()));
    }
}
