// SPDX-License-Identifier: GPL-2.0

//! The schedulers. One more is one file and one line below.
//!
//! Every scheduler works on a table of destination indices that is filled when the
//! configuration changes and only read from then on; choosing is one look into it.

use super::candidate::Candidate;
use super::maglev::Maglev;
use super::round_robin::RoundRobin;

/// In a table: no destination. A service can have this many, numbered from 0.
pub const NOBODY: u16 = u16::MAX;

/// Why a table could not be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The table's length does not suit the scheduler.
    TableLength,
    /// No candidate has a weight above zero.
    NoWeight,
    /// A candidate's permutation does not suit the table.
    Permutation,
}

/// What a scheduler does.
pub trait Schedule {
    /// Whether the choice goes by the connections before.
    const TAKES_TURNS: bool = false;

    /// How long a table these candidates need. May sleep for memory afterwards.
    fn table_len(candidates: &[Candidate]) -> u32;

    /// Fills a table of that length; the candidates may be changed and put in another order.
    ///
    /// After an error the table holds nobody, or the call did not touch it.
    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error>;

    /// Chooses from a filled table: by the hash of the connection's 5-tuple
    /// ([`super::tuple::selection_hash`]), or by how many connections the service had before, which
    /// is counted only for schedulers that take turns.
    fn select(table: &[u16], hash: u32, position: u32) -> Option<u16>;
}

/// Declares the schedulers: netlink's value, type and name.
macro_rules! schedulers {
    ($($value:literal $scheduler:ident $name:literal;)*) => {
        /// A scheduler; the value is that of `scheduler` in the netlink specification.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum Scheduler {
            $(
                #[doc = concat!("`", $name, "` of the netlink specification.")]
                $scheduler = $value,
            )*
        }

        impl Scheduler {
            /// All schedulers.
            pub const ALL: &'static [Self] = &[$(Self::$scheduler),*];

            /// The scheduler with this value in netlink.
            pub const fn from_value(value: u32) -> Option<Self> {
                match value {
                    $($value => Some(Self::$scheduler),)*
                    _ => None,
                }
            }

            /// The name in the netlink specification.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$scheduler => $name,)*
                }
            }

            /// [`Schedule::TAKES_TURNS`] of this scheduler.
            #[inline]
            pub const fn takes_turns(self) -> bool {
                match self {
                    $(Self::$scheduler => $scheduler::TAKES_TURNS,)*
                }
            }

            /// [`Schedule::table_len`] of this scheduler.
            pub fn table_len(self, candidates: &[Candidate]) -> u32 {
                match self {
                    $(Self::$scheduler => $scheduler::table_len(candidates),)*
                }
            }

            /// [`Schedule::fill`] of this scheduler.
            pub fn fill(self, table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
                match self {
                    $(Self::$scheduler => $scheduler::fill(table, candidates),)*
                }
            }

            /// [`Schedule::select`] of this scheduler; `None` if the table is empty.
            #[inline]
            pub fn select(self, table: &[u16], hash: u32, position: u32) -> Option<u16> {
                let index = match self {
                    $(Self::$scheduler => $scheduler::select(table, hash, position),)*
                };
                index.filter(|index| *index != NOBODY)
            }
        }
    };
}

schedulers! {
    0 Maglev "maglev";
    1 RoundRobin "rr";
}
