// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Sockets from /proc/net/tcp and tcp6 (the kernel's
//! `Documentation/networking/proc_net_tcp.rst`).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

const ESTABLISHED: u8 = 1;
const CLOSE_WAIT: u8 = 8;

/// Counts connections to each of these ports. A family that the kernel does not have
/// has none.
pub fn count(folder: &Path, ports: &[u16]) -> io::Result<BTreeMap<u16, u64>> {
    let mut counts: BTreeMap<u16, u64> = ports.iter().map(|&port| (port, 0)).collect();
    let mut absent = 0;
    for name in ["tcp", "tcp6"] {
        match File::open(folder.join(name)) {
            Ok(file) => {
                for line in BufReader::new(file).lines() {
                    let counter = parse(&line?).and_then(|port| counts.get_mut(&port));
                    if let Some(counter) = counter {
                        *counter += 1;
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && absent == 0 => absent += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(counts)
}

/// The local port of a line, if it is a connection that is being served.
fn parse(line: &str) -> Option<u16> {
    let mut words = line.split_whitespace();
    let local = words.nth(1)?;
    let state = u8::from_str_radix(words.nth(1)?, 16).ok()?;
    let (_, port) = local.rsplit_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    matches!(state, ESTABLISHED | CLOSE_WAIT).then_some(port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &str = "   1: 0100007F:1F90 0100007F:D2A4 01 00000000:00000000 00:00000000 \
                        00000000     0        0 22222 1 0000000000000000 20 4 30 10 -1";

    #[test]
    fn lines() {
        assert_eq!(parse(LINE), Some(8080));
        assert_eq!(parse(&LINE.replace(" 01 ", " 08 ")), Some(8080));
        assert_eq!(parse(&LINE.replace(" 01 ", " 0A ")), None);
        assert_eq!(parse("  sl  local_address rem_address   st tx_queue"), None);
        let six = LINE.replace("0100007F:1F90", "00000000000000000000000001000000:0050");
        assert_eq!(parse(&six), Some(80));
    }

    proptest! {
        #[test]
        fn anything_is_a_line_or_not(text in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&format!("1: {text}:1F90 x 01"));
        }
    }
}
