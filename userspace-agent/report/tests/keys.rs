// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Keys as they are made, and TLS between two that have them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ConnectionCommon, ServerConnection, SideData};
use switchyard_report::keys::{make, KeysError, Options};
use switchyard_report::tls::{bears, is_forgery, Identity};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn an_authority_is_made_once() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let first = make(
        &keys,
        &names(&["yardmaster", "10.0.0.2"]),
        Options::default(),
    )
    .unwrap();
    assert!(first.iter().all(|pair| pair.made));
    let ca = read(&keys.join("ca.pem"));
    let master = read(&keys.join("yardmaster.pem"));
    for name in ["ca", "yardmaster", "10.0.0.2"] {
        let mode = fs::metadata(keys.join(format!("{name}.key")))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(
        fs::metadata(&keys).unwrap().permissions().mode() & 0o777,
        0o700
    );

    let second = make(&keys, &names(&["yardmaster", "web1"]), Options::default()).unwrap();
    let made: Vec<_> = second.iter().map(|p| (p.name.as_str(), p.made)).collect();
    assert_eq!(made, [("ca", false), ("yardmaster", false), ("web1", true)]);
    assert_eq!(read(&keys.join("ca.pem")), ca);
    assert_eq!(read(&keys.join("yardmaster.pem")), master);

    let renew = Options {
        renew: true,
        ..Options::default()
    };
    make(&keys, &names(&["yardmaster"]), renew).unwrap();
    assert_eq!(read(&keys.join("ca.pem")), ca);
    assert_ne!(read(&keys.join("yardmaster.pem")), master);
}

#[test]
fn bad_names_and_half_pairs_make_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    for bad in ["", "a/b", "..", "two words", "ca"] {
        make(&keys, &names(&["good", bad]), Options::default()).unwrap_err();
    }
    assert!(!keys.exists());
    make(&keys, &names(&["web1"]), Options::default()).unwrap();
    fs::remove_file(keys.join("ca.key")).unwrap();
    let error = make(&keys, &names(&["web2"]), Options::default()).unwrap_err();
    assert!(matches!(error, KeysError::Half { .. }), "{error}");
    assert!(!keys.join("web2.pem").exists());
}

/// Lets two ends talk in memory until both are content or one refuses.
fn talk(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> Result<(), std::io::Error> {
    fn carry<A: SideData, B: SideData>(
        from: &mut ConnectionCommon<A>,
        to: &mut ConnectionCommon<B>,
    ) -> Result<(), std::io::Error> {
        let mut wire = Vec::new();
        while from.wants_write() {
            from.write_tls(&mut wire)?;
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            to.read_tls(&mut wire)?;
            to.process_new_packets().map_err(std::io::Error::other)?;
        }
        Ok(())
    }
    for _ in 0..5 {
        carry(client, server)?;
        carry(server, client)?;
    }
    Ok(())
}

fn pair(
    server: &Identity,
    client: &Identity,
    name: &'static str,
) -> (ClientConnection, ServerConnection) {
    let server = ServerConnection::new(server.server().unwrap()).unwrap();
    let client = ClientConnection::new(
        client.client().unwrap(),
        ServerName::try_from(name).unwrap(),
    )
    .unwrap();
    (client, server)
}

#[test]
fn both_ends_prove_who_they_are() {
    let dir = tempfile::tempdir().unwrap();
    make(
        dir.path(),
        &names(&["yardmaster", "web1", "10.0.0.2"]),
        Options::default(),
    )
    .unwrap();
    let web = Identity::in_dir(dir.path(), "web1");
    let master = Identity::in_dir(dir.path(), "yardmaster");
    let (mut client, mut server) = pair(&web, &master, "web1");
    talk(&mut client, &mut server).unwrap();
    client.writer().write_all(b"load?").unwrap();
    talk(&mut client, &mut server).unwrap();
    let mut text = [0; 5];
    server.reader().read_exact(&mut text).unwrap();
    assert_eq!(&text, b"load?");
    let certificate = &server.peer_certificates().unwrap()[0];
    assert!(bears(certificate, "yardmaster"));
    assert!(!bears(certificate, "web1"));
    assert!(!bears(certificate, "not a name"));
    assert_eq!(
        client.protocol_version(),
        Some(rustls::ProtocolVersion::TLSv1_3)
    );

    let by_address = Identity::in_dir(dir.path(), "10.0.0.2");
    let (mut client, mut server) = pair(&by_address, &master, "10.0.0.2");
    talk(&mut client, &mut server).unwrap();
}

#[test]
fn forgeries_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    for dir in [&dir, &other] {
        make(
            dir.path(),
            &names(&["yardmaster", "web1", "web2"]),
            Options::default(),
        )
        .unwrap();
    }
    let web = Identity::in_dir(dir.path(), "web1");
    let master = Identity::in_dir(dir.path(), "yardmaster");

    // Another agent's certificate.
    let (mut client, mut server) = pair(&Identity::in_dir(dir.path(), "web2"), &master, "web1");
    assert!(is_forgery(&talk(&mut client, &mut server).unwrap_err()));

    // The right name, by another authority.
    let (mut client, mut server) = pair(&Identity::in_dir(other.path(), "web1"), &master, "web1");
    assert!(is_forgery(&talk(&mut client, &mut server).unwrap_err()));

    // A client of another authority that trusts ours.
    let stranger = Identity {
        ca: web.ca.clone(),
        ..Identity::in_dir(other.path(), "yardmaster")
    };
    let (mut client, mut server) = pair(&web, &stranger, "web1");
    assert!(is_forgery(&talk(&mut client, &mut server).unwrap_err()));

    // A client without a certificate.
    let naked = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(switchyard_report::tls::roots(&web.ca).unwrap())
    .with_no_client_auth();
    let mut client =
        ClientConnection::new(Arc::new(naked), ServerName::try_from("web1").unwrap()).unwrap();
    let mut server = ServerConnection::new(web.server().unwrap()).unwrap();
    assert!(is_forgery(&talk(&mut client, &mut server).unwrap_err()));
}

#[test]
fn errors_name_the_file() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), &names(&["web1"]), Options::default()).unwrap();
    let absent = Identity::in_dir(dir.path(), "web2");
    let said = absent.server().unwrap_err().to_string();
    assert!(said.contains("web2.pem"), "{said}");
    fs::write(dir.path().join("empty.pem"), "").unwrap();
    let empty = Identity {
        ca: dir.path().join("empty.pem"),
        ..Identity::in_dir(dir.path(), "web1")
    };
    let said = empty.client().unwrap_err().to_string();
    assert!(said.contains("no certificate"), "{said}");
}
