// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The manual page.

use std::io;

use clap::CommandFactory;

use crate::cli::Cli;

/// The page `yardmaster.8` in roff.
pub fn page() -> io::Result<Vec<u8>> {
    let example = switchyard_manual::example(include_str!("../yardmaster.toml"));
    let rest = include_str!("man.roff").replace("@yardmaster.toml@", &example);
    switchyard_manual::page(Cli::command(), "yardmaster", &rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// `yardmaster man > Documentation/man/yardmaster.8` makes it anew.
    #[test]
    fn the_page_in_the_tree_is_this_one() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Documentation/man/yardmaster.8");
        let kept = std::fs::read_to_string(path).unwrap();
        assert_eq!(kept, String::from_utf8(page().unwrap()).unwrap());
    }
}
