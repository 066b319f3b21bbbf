// SPDX-License-Identifier: GPL-2.0 OR MIT

//! TLS between agents and masters: version 1.3 only, both ends with a certificate of
//! the private authority, no resumption (so no early data that could be replayed).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

/// Where an agent's or master's certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Certificate of the authority that the other end's has to be of.
    pub ca: PathBuf,
    /// Our own certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is absent, unreadable, or not PEM.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: rustls::pki_types::pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{0}: there is no certificate in it")]
    Empty(PathBuf),
    /// What is in the files does not go together.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// The authority's certificate cannot be used.
    #[error("{0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

impl Identity {
    /// The pair of `name` that [`crate::keys::make`] has made in `dir`.
    #[must_use]
    pub fn in_dir(dir: &Path, name: &str) -> Self {
        Self {
            ca: dir.join("ca.pem"),
            certificate: dir.join(format!("{name}.pem")),
            key: dir.join(format!("{name}.key")),
        }
    }

    /// For the end that listens.
    pub fn server(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots(&self.ca)?),
            Arc::clone(&provider),
        )
        .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(certificates(&self.certificate)?, key(&self.key)?)?;
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// For the end that connects.
    pub fn client(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots(&self.ca)?)
            .with_client_auth_cert(certificates(&self.certificate)?, key(&self.key)?)?;
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// The certificates in a PEM file.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file_error = |error| TlsError::File {
        path: path.into(),
        error,
    };
    let all = CertificateDer::pem_file_iter(path)
        .map_err(file_error)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(file_error)?;
    if all.is_empty() {
        return Err(TlsError::Empty(path.into()));
    }
    Ok(all)
}

/// The authorities in a PEM file.
pub fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate)?;
    }
    Ok(store)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| TlsError::File {
        path: path.into(),
        error,
    })
}

/// Whether a verified certificate is that of `name`, a host name or an address.
#[must_use]
pub fn bears(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else {
        return false;
    };
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(&name).is_ok())
}

/// Whether a connection failed since the other end is not who it should be.
#[must_use]
pub fn is_forgery(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(
        inner,
        Some(
            rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::DecryptError
                | rustls::Error::PeerMisbehaved(_)
        )
    )
}
