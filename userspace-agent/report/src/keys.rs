// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Keys and certificates of a private authority, made by one call.
//!
//! `ca.pem` and `ca.key` are the authority, made once and used again; `NAME.pem` and
//! `NAME.key` belong to one agent or master. A host needs `ca.pem` and its own two
//! files; `ca.key` stays where the keys are made. All keys are on the curve P-256.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::ServerName;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an authority lasts.
const CA_DAYS: u32 = 3650;
/// How long a certificate lasts unless another time is asked for.
pub const DAYS: u32 = 825;
/// How far clocks may be behind ours.
const BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// Why keys could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A name that cannot stand in a certificate.
    #[error("`{0}` is neither a host name nor an address")]
    Name(String),
    /// A name that is the authority's.
    #[error("`ca` is the authority's own name")]
    Reserved,
    /// Half of a pair is there.
    #[error("there is {there} and no {missing}: restore it, or remove both to begin anew")]
    Half {
        /// The file that is there.
        there: PathBuf,
        /// The file that is not.
        missing: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is in a file is no key, or the like.
    #[error("{0}")]
    Certificate(#[from] rcgen::Error),
}

/// What became of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name, `ca` for the authority.
    pub name: String,
    /// Its certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whether it was made now; otherwise it was there and was left as it is.
    pub made: bool,
}

/// How keys are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many days certificates last.
    pub days: u32,
    /// Make pairs anew that are there. Never the authority: that would make all
    /// others worthless.
    pub renew: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            days: DAYS,
            renew: false,
        }
    }
}

/// Makes in `dir`, which is made if need be, an authority unless there is one, and a
/// pair for each name: a host name or an address.
pub fn make(dir: &Path, names: &[String], options: Options) -> Result<Vec<Pair>, KeysError> {
    for name in names {
        check_name(name)?;
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| file_error(dir, error))?;
    let mut pairs = Vec::with_capacity(names.len() + 1);
    let (pair, issuer) = authority(dir)?;
    pairs.push(pair);
    for name in names {
        let (certificate, key) = paths(dir, name);
        let made = options.renew || !is_whole(&certificate, &key)?;
        if made {
            let pair = KeyPair::generate()?;
            let signed = leaf(name, options.days)?.signed_by(&pair, &issuer)?;
            write(&key, &pair.serialize_pem())?;
            write(&certificate, &signed.pem())?;
        }
        pairs.push(Pair {
            name: name.clone(),
            certificate,
            key,
            made,
        });
    }
    Ok(pairs)
}

fn check_name(name: &str) -> Result<(), KeysError> {
    if name == "ca" {
        return Err(KeysError::Reserved);
    }
    // A server's name has no slash in it, so it is a good file name as well.
    ServerName::try_from(name)
        .map(drop)
        .map_err(|_| KeysError::Name(name.to_string()))
}

fn paths(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    (
        dir.join(format!("{name}.pem")),
        dir.join(format!("{name}.key")),
    )
}

/// Whether both files are there; an error if one is.
fn is_whole(certificate: &Path, key: &Path) -> Result<bool, KeysError> {
    match (certificate.exists(), key.exists()) {
        (true, true) => Ok(true),
        (false, false) => Ok(false),
        (true, false) => Err(KeysError::Half {
            there: certificate.into(),
            missing: key.into(),
        }),
        (false, true) => Err(KeysError::Half {
            there: key.into(),
            missing: certificate.into(),
        }),
    }
}

fn authority(dir: &Path) -> Result<(Pair, Issuer<'static, KeyPair>), KeysError> {
    let (certificate, key) = paths(dir, "ca");
    // The same every time, so that an issuer can be made from the key alone.
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Switchyard authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasting(&mut params, CA_DAYS);
    let made = !is_whole(&certificate, &key)?;
    let pair = if made {
        let pair = KeyPair::generate()?;
        let signed = params.self_signed(&pair)?;
        write(&key, &pair.serialize_pem())?;
        write(&certificate, &signed.pem())?;
        pair
    } else {
        let text = fs::read_to_string(&key).map_err(|error| file_error(&key, error))?;
        KeyPair::from_pem(&text)?
    };
    let told = Pair {
        name: "ca".into(),
        certificate,
        key,
        made,
    };
    Ok((told, Issuer::new(params, pair)))
}

fn leaf(name: &str, days: u32) -> Result<CertificateParams, KeysError> {
    let mut params = CertificateParams::new(vec![name.to_string()])?;
    params
        .distinguished_name
        .push(DnType::CommonName, name.to_string());
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // An agent is asked, and may send by itself: either end of a connection.
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    lasting(&mut params, days);
    Ok(params)
}

fn lasting(params: &mut CertificateParams, days: u32) {
    let now = SystemTime::now();
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + DAY * days).into();
}

/// Writes a file that only its owner reads; a reader finds the old one or the new one.
fn write(path: &Path, text: &str) -> Result<(), KeysError> {
    let next = path.with_extension("new");
    let written = (|| {
        let _ = fs::remove_file(&next);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, path)
    })();
    written.map_err(|error| file_error(path, error))
}

fn file_error(path: &Path, error: io::Error) -> KeysError {
    KeysError::File {
        path: path.into(),
        error,
    }
}
