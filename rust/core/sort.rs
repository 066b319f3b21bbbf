// SPDX-License-Identifier: GPL-2.0

//! Sorting in place, without memory of its own: heapsort (Williams, 1964; Floyd, 1964).
//!
//! The standard library's sort ends in a panic for orders that contradict themselves; that call
//! does not return, which the kernel's objtool does not know and warns of.

/// Sorts by a key; equal ones come in any order. What is sorted already takes one look.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], key: impl Fn(&T) -> K) {
    if items.is_sorted_by_key(&key) {
        return;
    }
    for root in (0..items.len() / 2).rev() {
        sift_down(items, root, &key);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        if let Some(heap) = items.get_mut(..end) {
            sift_down(heap, 0, &key);
        }
    }
}

/// Moves a heap's element down to where none below it is greater.
fn sift_down<T, K: Ord>(heap: &mut [T], mut root: usize, key: &impl Fn(&T) -> K) {
    let at = |heap: &[T], index: usize| heap.get(index).map(key);
    loop {
        let left = root.wrapping_mul(2).wrapping_add(1);
        let right = left.wrapping_add(1);
        // An element that is not there is less than any.
        let child = if at(heap, right) > at(heap, left) {
            right
        } else {
            left
        };
        if at(heap, child) <= at(heap, root) {
            return;
        }
        heap.swap(root, child);
        root = child;
    }
}
