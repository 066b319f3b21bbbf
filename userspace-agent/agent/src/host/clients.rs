// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Clients being served: established connections to a port.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tracing::warn;

use super::{proc_net, sock_diag};

/// Counts connections to ports of this machine, in the agent's network namespace.
#[derive(Debug)]
pub struct Clients {
    ports: Vec<u16>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// The kernel picks out the sockets of a port.
    Netlink(sock_diag::Sockets),
    /// Every socket's line is read.
    Files(PathBuf),
}

impl Clients {
    /// Will count connections to these ports, by netlink if that can be had.
    pub fn new(ports: Vec<u16>) -> Self {
        let way = match sock_diag::Sockets::open() {
            Ok(sockets) => Way::Netlink(sockets),
            Err(error) => {
                warn!(%error, "no sock_diag: reading /proc/net/tcp instead");
                Way::files()
            }
        };
        Self { ports, way }
    }

    /// Counts them: those that are established, and those whose client has sent all
    /// that it will and may still wait for an answer. Ports that cannot be counted
    /// are left out.
    pub fn count(&mut self) -> BTreeMap<u16, u64> {
        if let Way::Netlink(sockets) = &mut self.way {
            let counted: Result<BTreeMap<_, _>, _> = self
                .ports
                .iter()
                .map(|&port| Ok::<_, std::io::Error>((port, sockets.count(port)?)))
                .collect();
            match counted {
                Ok(counts) => return counts,
                Err(error) => {
                    warn!(%error, "sock_diag failed: reading /proc/net/tcp from now on");
                    self.way = Way::files();
                }
            }
        }
        let Way::Files(folder) = &self.way else {
            return BTreeMap::new();
        };
        proc_net::count(folder, &self.ports).unwrap_or_default()
    }
}

impl Way {
    fn files() -> Self {
        Self::Files(PathBuf::from("/proc/net"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Shutdown, TcpListener, TcpStream};

    use super::*;

    fn both(ports: &[u16]) -> [BTreeMap<u16, u64>; 2] {
        let mut netlink = Clients::new(ports.to_vec());
        assert!(matches!(netlink.way, Way::Netlink(_)));
        let mut files = Clients {
            ports: ports.to_vec(),
            way: Way::files(),
        };
        [netlink.count(), files.count()]
    }

    /// Real connections of both families, seen both ways.
    #[test]
    fn connections_are_counted() {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let ports = |port: u16| [port];
        let port = four.local_addr().unwrap().port();
        for counts in both(&ports(port)) {
            assert_eq!(counts, BTreeMap::from([(port, 0)]));
        }
        let mut clients: Vec<TcpStream> = (0..5)
            .map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap())
            .collect();
        let servers: Vec<TcpStream> = (0..5).map(|_| four.accept().unwrap().0).collect();
        for counts in both(&ports(port)) {
            assert_eq!(counts, BTreeMap::from([(port, 5)]));
        }
        // One client has said all; it waits for the answer and is served still.
        clients[0].write_all(b"x").unwrap();
        clients[0].shutdown(Shutdown::Write).unwrap();
        // One server has said all: nobody is served there.
        servers[1].shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        for counts in both(&ports(port)) {
            assert_eq!(counts, BTreeMap::from([(port, 4)]));
        }
    }

    /// A listener on [::] has clients by IPv4 and IPv6; two ports do not mix.
    #[test]
    fn both_families_are_clients() {
        let Ok(six) = TcpListener::bind("[::]:0") else {
            eprintln!("no IPv6 here");
            return;
        };
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = six.local_addr().unwrap().port();
        let second = other.local_addr().unwrap().port();
        let _clients = [
            TcpStream::connect(("127.0.0.1", port)).unwrap(),
            TcpStream::connect(("::1", port)).unwrap(),
            TcpStream::connect(("127.0.0.1", second)).unwrap(),
        ];
        let _servers = [
            six.accept().unwrap(),
            six.accept().unwrap(),
            other.accept().unwrap(),
        ];
        for counts in both(&[port, second]) {
            assert_eq!(counts, BTreeMap::from([(port, 2), (second, 1)]));
        }
    }
}
