// SPDX-License-Identifier: GPL-2.0

//! What this machine's memory costs: nanoseconds for a load from a place that only the load before
//! tells, by the size of what all these places lie in.
//!
//! A lookup among a million connections is at least two such loads, one from 16 MB of buckets and
//! one from 64 MB of entries; what a bench says of them cannot be less.

use std::hint::black_box;
use std::time::Instant;

/// A line of a cache, of which only the first number is used: the next line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line(usize);

/// Loads in one reading, and readings, of which the shortest counts.
const LOADS: usize = 200_000;
const READINGS: usize = 20;

/// One way round all lines, in no order that could be foreseen.
fn ring(lines: usize) -> Vec<Line> {
    let mut order: Vec<usize> = (0..lines).collect();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for place in (1..lines).rev() {
        // Xorshift (Marsaglia, 2003).
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let below = u64::try_from(place).expect("64 bits");
        order.swap(place, usize::try_from(random % below).expect("64 bits"));
    }
    let mut ring = vec![Line(0); lines];
    for (place, line) in order.iter().enumerate() {
        ring[*line] = Line(order[(place + 1) % lines]);
    }
    ring
}

fn main() {
    println!("megabytes  nanoseconds a load");
    for megabytes in [1, 2, 4, 8, 16, 32, 64, 128] {
        let ring = ring((megabytes << 20) / size_of::<Line>());
        let mut place = 0;
        let shortest = (0..READINGS)
            .map(|_| {
                let start = Instant::now();
                for _ in 0..LOADS {
                    place = ring[place].0;
                }
                black_box(place);
                start.elapsed()
            })
            .min()
            .expect("some");
        #[expect(clippy::cast_precision_loss, reason = "a reading is short")]
        let each = shortest.as_nanos() as f64 / LOADS as f64;
        println!("{megabytes:9}  {each:.1}");
    }
}
