//! TLS: what the `tls-*` directives say, as settings of rustls.
//!
//! TLS itself is rustls's; here files become settings, and a file that is missing or does not fit becomes a sentence.
//! Settings are made once, at start or by CONFIG SET, and shared by all connections that come in after.
//! `client::secure` drives a connection's session.

mod suites;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::config::{Tls, TlsAuthClients};

/// TLS tickets a session of TLS 1.3 is given, when sessions may be resumed.
const TICKETS: usize = 2;

/// The settings for connections that clients open; `None` when nothing needs them.
///
/// # Errors
/// One sentence, as the log shows it.
pub fn server_config(tls: &Tls) -> Result<Option<Arc<ServerConfig>>, String> {
    if tls.port == 0 {
        return Ok(None);
    }
    let (chain, key) = identity(tls)?;
    let provider = Arc::new(provider(tls)?);
    let builder = ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_protocol_versions(&versions(&tls.protocols)?).map_err(|e| e.to_string())?;
    let builder = match tls.auth_clients {
        TlsAuthClients::No => builder.with_no_client_auth(),
        wanted => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(tls)?), provider);
            let optional = wanted == TlsAuthClients::Optional;
            let verifier = if optional { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build().map_err(|e| e.to_string())?)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|e| format!("Failed to load private key '{}' for '{}': {e}", tls.key_file, tls.cert_file))?;
    config.ignore_client_order = tls.prefer_server_ciphers;
    if tls.session_caching {
        config.session_storage = ServerSessionMemoryCache::new(cache_size(tls));
        config.send_tls13_tickets = TICKETS;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Some(Arc::new(config)))
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

/// The server's certificate, with those that lead to its authority, and its key.
fn identity(tls: &Tls) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    if tls.cert_file.is_empty() || tls.key_file.is_empty() {
        return Err("No tls-cert-file or tls-key-file configured!".to_owned());
    }
    if !tls.key_file_pass.is_empty() {
        return Err(
            "tls-key-file-pass: private keys with a password cannot be read; store the key without one, \
                    readable by this server alone"
                .to_owned(),
        );
    }
    let chain = certificates(Path::new(&tls.cert_file))
        .map_err(|e| format!("Failed to load certificate: {}: {e}", tls.cert_file))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_file)
        .map_err(|e| format!("Failed to load private key: {}: {e}", tls.key_file))?;
    Ok((chain, key))
}

/// The certificates of those whose clients are trusted.
fn authorities(tls: &Tls) -> Result<RootCertStore, String> {
    if tls.ca_cert_file.is_empty() && tls.ca_cert_dir.is_empty() {
        return Err(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-auth-clients is enabled!"
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
