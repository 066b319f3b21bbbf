// SPDX-License-Identifier: GPL-2.0

//! A destination as the schedulers see it while their tables are filled.

use super::super::tuple::{
    Endpoint,
    IpAddress, //
};

/// A destination that may be put into a scheduler's table; also the room to work in, since
/// schedulers allocate nothing. Make new ones for each table.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// What the table is to name it by: below [`super::NOBODY`].
    pub index: u16,
    /// Who it is on every machine and in every order of entry.
    pub identity: Endpoint<IpAddress>,
    /// Its share; 0 takes none.
    pub weight: u32,
    /// Maglev: the place in the table where its permutation begins, later the next one.
    pub offset: u32,
    /// Maglev: the step of its permutation.
    pub skip: u32,
    /// Maglev: the part of a turn that it has saved up.
    pub credit: u32,
}

impl Candidate {
    /// A destination with this name, identity and weight.
    pub const fn new(index: u16, identity: Endpoint<IpAddress>, weight: u32) -> Self {
        Self {
            index,
            identity,
            weight,
            offset: 0,
            skip: 0,
            credit: 0,
        }
    }
}

/// The greatest number that divides both; that of 0 and a number is the number.
pub const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The greatest number that divides all weights; 0 if all of them are 0.
pub fn common_weight(candidates: &[Candidate]) -> u64 {
    candidates.iter().fold(0, |divisor, candidate| {
        greatest_common_divisor(divisor, u64::from(candidate.weight))
    })
}

/// Sorts candidates by their identity, without memory of its own: heapsort.
///
/// The standard library's sort ends in a panic for orders that contradict themselves; that call
/// does not return, which the kernel's objtool does not know and warns of.
pub fn sort(candidates: &mut [Candidate]) {
    for root in (0..candidates.len() / 2).rev() {
        sift_down(candidates, root);
    }
    for end in (1..candidates.len()).rev() {
        candidates.swap(0, end);
        if let Some(heap) = candidates.get_mut(..end) {
            sift_down(heap, 0);
        }
    }
}

/// Moves a heap's element down to where none below it is greater.
fn sift_down(heap: &mut [Candidate], mut root: usize) {
    let identity = |heap: &[Candidate], index: usize| heap.get(index).map(|c| c.identity);
    loop {
        let left = root.wrapping_mul(2).wrapping_add(1);
        let right = left.wrapping_add(1);
        // An element that is not there is less than any.
        let child = if identity(heap, right) > identity(heap, left) {
            right
        } else {
            left
        };
        if identity(heap, child) <= identity(heap, root) {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}
