// SPDX-License-Identifier: GPL-2.0

//! The schedulers. One more is one file beside these and one line below.
//!
//! Every scheduler works on a table of destination indices that is filled when the configuration
//! changes and only read from then on. Some choose by one look into it, others compare what the
//! destinations have to do at the moment.

pub mod candidate;
mod least;

use self::candidate::Candidate;

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

/// What the destinations have to do at the moment; other CPUs change it all the time.
pub trait Loads {
    /// Its connections that are established, and its UDP flows.
    fn active(&self, index: u16) -> u32;

    /// Its other connections.
    fn inactive(&self, index: u16) -> u32;

    /// Its share, above 0 for all that are in a table.
    fn weight(&self, index: u16) -> u32;

    /// Whether it may have another connection: it is not at its limit.
    fn takes(&self, index: u16) -> bool;
}

/// A new connection for which a destination is to be chosen.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The hash of its 5-tuple, or of its client's address for a scheduler that goes
    /// [by it](Schedule::BY_CLIENT).
    pub hash: u32,
    /// How many connections the service had before; counted only for schedulers that
    /// [take turns](Schedule::TAKES_TURNS).
    pub turn: u32,
}

/// What a scheduler does.
pub trait Schedule {
    /// Whether the choice goes by how many connections there were before.
    const TAKES_TURNS: bool = false;

    /// Whether the choice goes by the client's address and not by the whole 5-tuple.
    const BY_CLIENT: bool = false;

    /// Whether the choice, but for limits, goes by the hash alone: the table then serves packets
    /// of which nothing is remembered as well.
    const STATELESS: bool = false;

    /// How long a table these candidates need. May sleep for memory afterwards.
    fn table_len(candidates: &[Candidate]) -> u32;

    /// Fills a table of that length; the candidates may be changed and put in another order.
    ///
    /// After an error the table holds nobody, or the call did not touch it.
    fn fill(table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error>;

    /// Chooses from a filled table one that takes another connection; `None` if none was found.
    fn select(table: &[u16], loads: &impl Loads, arrival: Arrival) -> Option<u16>;
}

/// Declares the schedulers: netlink's value, the file, type and name.
macro_rules! schedulers {
    ($($value:literal $module:ident::$scheduler:ident $name:literal;)*) => {
        $(pub mod $module;)*

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
                    $(Self::$scheduler => $module::$scheduler::TAKES_TURNS,)*
                }
            }

            /// [`Schedule::BY_CLIENT`] of this scheduler.
            #[inline]
            pub const fn is_by_client(self) -> bool {
                match self {
                    $(Self::$scheduler => $module::$scheduler::BY_CLIENT,)*
                }
            }

            /// [`Schedule::STATELESS`] of this scheduler.
            #[inline]
            pub const fn is_stateless(self) -> bool {
                match self {
                    $(Self::$scheduler => $module::$scheduler::STATELESS,)*
                }
            }

            /// [`Schedule::table_len`] of this scheduler.
            pub fn table_len(self, candidates: &[Candidate]) -> u32 {
                match self {
                    $(Self::$scheduler => $module::$scheduler::table_len(candidates),)*
                }
            }

            /// [`Schedule::fill`] of this scheduler.
            pub fn fill(self, table: &mut [u16], candidates: &mut [Candidate]) -> Result<(), Error> {
                match self {
                    $(Self::$scheduler => $module::$scheduler::fill(table, candidates),)*
                }
            }

            /// [`Schedule::select`] of this scheduler; `None` as well if the table is empty.
            #[inline]
            pub fn select(
                self,
                table: &[u16],
                loads: &impl Loads,
                arrival: Arrival,
            ) -> Option<u16> {
                match self {
                    $(Self::$scheduler => $module::$scheduler::select(table, loads, arrival),)*
                }
            }
        }
    };
}

schedulers! {
    0 maglev::Maglev "maglev";
    1 round_robin::RoundRobin "rr";
    2 weighted_round_robin::WeightedRoundRobin "wrr";
    3 least_connections::LeastConnections "lc";
    4 weighted_least_connections::WeightedLeastConnections "wlc";
    5 shortest_delay::ShortestDelay "sed";
    6 two_choices::TwoChoices "p2c";
    7 source_hash::SourceHash "sh";
}

/// The place among `length` that a hash stands for: the upper bits of the product are evenly
/// spread, without a division.
#[inline]
fn place(hash: u32, length: usize) -> usize {
    let product = u64::from(hash).wrapping_mul(length as u64);
    (product >> 32) as usize
}

/// Another hash for the same; the first is the same. They have nothing to do with each other: at
/// equal distances they might all meet one destination, as few share a table in a pattern.
#[inline]
fn rehash(hash: u32, attempt: u32) -> u32 {
    if attempt == 0 {
        return hash;
    }
    // The last steps of MurmurHash3.
    let mixed = hash ^ attempt.wrapping_mul(0x9e37_79b9);
    let mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x85eb_ca6b);
    let mixed = (mixed ^ (mixed >> 13)).wrapping_mul(0xc2b2_ae35);
    mixed ^ (mixed >> 16)
}

/// The entry at `start`, or the first one after it, round the table, that takes a connection. No
/// more than `MOST` entries are looked at.
#[inline]
fn first_from(table: &[u16], start: usize, loads: &impl Loads) -> Option<u16> {
    let (before, after) = table.split_at_checked(start)?;
    after
        .iter()
        .chain(before)
        .take(MOST)
        .copied()
        .find(|index| *index != NOBODY && loads.takes(*index))
}

/// Entries looked at for one connection where most destinations may be at their limits.
const MOST: usize = 1024;
