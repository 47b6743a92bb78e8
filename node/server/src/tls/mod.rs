//! TLS: what the `tls-*` directives say, as settings of rustls.
//!
//! TLS itself is rustls's; here files become settings, and a file that is missing or does not fit becomes a sentence.
//! Settings are made once, at start or by CONFIG SET, and shared by all connections that come in after.
//! `client::secure` drives a connection's session.
//!
//! Between nodes both ends show a certificate, whatever `tls-auth-clients` says, and what counts is who signed it:
//! nodes know each other by address, and addresses change, so names in certificates are not looked at.

mod keys;
mod suites;
mod trust;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::config::{Tls, TlsAuthClients};

/// TLS tickets a session of TLS 1.3 is given, when sessions may be resumed.
const TICKETS: usize = 2;

/// What TLS sessions begin with.
#[derive(Default, Clone)]
pub struct Settings {
    /// For connections that clients and replicas open, while there is a port for them.
    pub clients: Option<Arc<ServerConfig>>,
    /// For links of the bus that other nodes open, while `tls-cluster` is on.
    pub links: Option<Arc<ServerConfig>>,
    /// For links of the bus that this node opens.
    pub to_nodes: Option<Arc<ClientConfig>>,
    /// For connections to a master, while `tls-replication` is on.
    pub to_master: Option<Arc<ClientConfig>>,
}

/// The settings; none of them where nothing needs TLS.
///
/// # Errors
/// One sentence, as the log shows it.
pub fn settings(tls: &Tls) -> Result<Settings, String> {
    let outgoing = (tls.cluster || tls.replication).then(|| client_config(tls)).transpose()?;
    let clients = (tls.port != 0).then(|| server_config(tls, tls.auth_clients)).transpose()?;
    let links = tls.cluster.then(|| server_config(tls, TlsAuthClients::Yes)).transpose()?;
    Ok(Settings {
        clients,
        links,
        to_nodes: outgoing.clone().filter(|_| tls.cluster),
        to_master: outgoing.filter(|_| tls.replication),
    })
}

/// The settings for connections that this node opens.
fn client_config(tls: &Tls) -> Result<Arc<ClientConfig>, String> {
    let identity = if tls.client_cert_file.is_empty() {
        Identity::of_server(tls)
    } else {
        Identity {
            directives: "tls-client-cert-file or tls-client-key-file",
            certificate: &tls.client_cert_file,
            key: &tls.client_key_file,
            password: &tls.client_key_file_pass,
        }
    };
    let (chain, key) = identity.read()?;
    let provider = Arc::new(provider(tls)?);
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&versions(&tls.protocols)?).map_err(|e| e.to_string())?;
    let verifier = trust::BySigner::new(authorities(tls)?, provider)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let config = builder.with_client_auth_cert(chain, key).map_err(|e| identity.misfit(&e))?;
    Ok(Arc::new(config))
}

/// The settings for connections that others open.
fn server_config(tls: &Tls, auth: TlsAuthClients) -> Result<Arc<ServerConfig>, String> {
    let identity = Identity::of_server(tls);
    let (chain, key) = identity.read()?;
    let provider = Arc::new(provider(tls)?);
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&versions(&tls.protocols)?).map_err(|e| e.to_string())?;
    let builder = match auth {
        TlsAuthClients::No => builder.with_no_client_auth(),
        wanted => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(tls)?), provider);
            let optional = wanted == TlsAuthClients::Optional;
            let verifier = if optional { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().map_err(|e| e.to_string())?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|e| identity.misfit(&e))?;
    config.ignore_client_order = tls.prefer_server_ciphers;
    if tls.session_caching {
        config.session_storage = ServerSessionMemoryCache::new(cache_size(tls));
        config.send_tls13_tickets = TICKETS;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// `tls-session-cache-size`, where 0 is no bound.
fn cache_size(tls: &Tls) -> usize {
    if tls.session_cache_size == 0 { usize::MAX } else { tls.session_cache_size as usize }
}

/// The cryptography, with the suites that the configuration offers.
fn provider(tls: &Tls) -> Result<CryptoProvider, String> {
    let mut provider = ring::default_provider();
    suites::keep_named(&mut provider.cipher_suites, &tls.ciphers, &tls.ciphersuites)?;
    Ok(provider)
}

/// `tls-protocols`: versions by OpenSSL's names, in any case.
fn versions(names: &str) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    if names.trim().is_empty() {
        return Ok(vec![&rustls::version::TLS13, &rustls::version::TLS12]);
    }
    let named = names.split_whitespace().map(|name| match name.to_ascii_lowercase().as_str() {
        "tlsv1.2" => Ok(&rustls::version::TLS12),
        "tlsv1.3" => Ok(&rustls::version::TLS13),
        _ => Err(format!("Invalid tls-protocols specified: '{name}' is not TLSv1.2 or TLSv1.3")),
    });
    named.collect()
}

/// Where a certificate and its key are.
struct Identity<'a> {
    directives: &'static str,
    certificate: &'a str,
    key: &'a str,
    password: &'a str,
}

impl<'a> Identity<'a> {
    /// The server's own.
    fn of_server(tls: &'a Tls) -> Identity<'a> {
        Identity {
            directives: "tls-cert-file or tls-key-file",
            certificate: &tls.cert_file,
            key: &tls.key_file,
            password: &tls.key_file_pass,
        }
    }

    /// The certificate, with those that lead to its authority, and its key.
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let Identity { directives, certificate, key, password } = self;
        if certificate.is_empty() || key.is_empty() {
            return Err(format!("No {directives} configured!"));
        }
        let chain = certificates(Path::new(certificate))
            .map_err(|e| format!("Failed to load certificate: {certificate}: {e}"))?;
        let key = keys::read(key, password).map_err(|e| format!("Failed to load private key: {key}: {e}"))?;
        Ok((chain, key))
    }

    /// The sentence for a key that is not the certificate's.
    fn misfit(&self, error: &rustls::Error) -> String {
        format!("Failed to load private key '{}' for '{}': {error}", self.key, self.certificate)
    }
}

/// The certificates of those whose signatures are trusted.
fn authorities(tls: &Tls) -> Result<RootCertStore, String> {
    if tls.ca_cert_file.is_empty() && tls.ca_cert_dir.is_empty() {
        return Err(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication or \
             tls-auth-clients are enabled!"
                .to_owned(),
        );
    }
    let mut roots = RootCertStore::empty();
    let mut add = |path: &Path| -> Result<(), String> {
        let failed = |e: String| {
            format!("Failed to configure CA certificate(s) file/directory: {}: {e}", path.display())
        };
        for certificate in certificates(path).map_err(failed)? {
            roots.add(certificate).map_err(|e| failed(e.to_string()))?;
        }
        Ok(())
    };
    if !tls.ca_cert_file.is_empty() {
        add(Path::new(&tls.ca_cert_file))?;
    }
    if !tls.ca_cert_dir.is_empty() {
        let folder = fs::read_dir(&tls.ca_cert_dir);
        let folder =
            folder.map_err(|e| format!("Failed to read tls-ca-cert-dir {}: {e}", tls.ca_cert_dir))?;
        for entry in folder.filter_map(Result::ok).filter(|entry| entry.path().is_file()) {
            add(&entry.path())?;
        }
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(|e| e.to_string())?.collect();
    let found = found.map_err(|e| e.to_string())?;
    if found.is_empty() { Err("no certificate in it".to_owned()) } else { Ok(found) }
}
