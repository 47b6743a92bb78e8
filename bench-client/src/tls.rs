//! TLS: what the user trusts and shows, and a session between the ring and the protocol.
//!
//! rustls does no I/O of its own, which fits a ring: received bytes go in and plain ones come out, requests go in
//! and records to send come out. What the session itself has to say goes out with the requests, or alone.

use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// How every connection of a run is made secure.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    /// The server's name; `None`: its address.
    name: Option<ServerName<'static>>,
}

/// What the command line says of TLS.
#[derive(Debug, Clone, Copy)]
pub struct Papers<'a> {
    /// Whom to trust.
    pub authorities: Option<&'a Path>,
    /// What to show.
    pub certificate: Option<&'a Path>,
    /// What proves it.
    pub key: Option<&'a Path>,
    /// The name that the server's certificate must have.
    pub name: Option<&'a str>,
    /// Trust any server.
    pub insecure: bool,
}

impl Tls {
    /// Reads the files. The error is one line for the user.
    pub fn read(papers: Papers<'_>) -> Result<Tls, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?;
        let verifier: Arc<dyn ServerCertVerifier> = match papers.authorities {
            Some(path) => {
                let verifier = WebPkiServerVerifier::builder_with_provider(authorities(path)?, provider);
                verifier.build().map_err(|e| format!("{}: {e}", path.display()))?
            }
            None if papers.insecure => Arc::new(TrustAnyone(provider)),
            None => return Err("--tls needs --cacert, to know whom to trust, or --insecure".into()),
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let config = match (papers.certificate, papers.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|e| format!("{}: {e}", key.display()))?;
                builder.with_client_auth_cert(chain, key).map_err(|e| format!("--cert and --key: {e}"))?
            }
            _ => builder.with_no_client_auth(),
        };
        let name = |name: &str| {
            ServerName::try_from(name.to_owned()).map_err(|_| format!("'{name}' is no server's name"))
        };
        Ok(Tls { config: Arc::new(config), name: papers.name.map(name).transpose()? })
    }

    /// The client's end of a session with the server at `address`.
    pub fn connect(&self, address: SocketAddr) -> Result<ClientConnection, rustls::Error> {
        let name = self.name.clone().unwrap_or_else(|| ServerName::IpAddress(address.ip().into()));
        ClientConnection::new(self.config.clone(), name)
    }

    /// The same for a connection of the load.
    pub fn session(&self, address: SocketAddr) -> Result<Session, rustls::Error> {
        let mut inner = self.connect(address)?;
        // Bounded by the pipeline, as requests without TLS are.
        inner.set_buffer_limit(None);
        Ok(Session { inner })
    }
}

fn authorities(path: &Path) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |e| format!("{}: {e}", path.display());
    let found: Vec<_> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(failed)?;
    if found.is_empty() { Err(format!("{}: no certificate in it", path.display())) } else { Ok(found) }
}

/// A session in memory.
#[derive(Debug)]
pub struct Session {
    inner: ClientConnection,
}

impl Session {
    /// Whether requests have to wait.
    pub fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    /// Takes bytes as they were received and gives `plain` what they say.
    ///
    /// # Errors
    /// The server broke the protocol, or is not trusted.
    pub fn receive<E>(
        &mut self,
        mut received: &[u8],
        mut plain: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<Result<(), E>, rustls::Error> {
        // Reading from memory cannot fail; 0 means that the server has said its goodbye.
        while !received.is_empty() && self.inner.read_tls(&mut received).unwrap_or(0) > 0 {
            self.inner.process_new_packets()?;
            let mut reader = self.inner.reader();
            while let Ok(bytes) = reader.fill_buf()
                && !bytes.is_empty()
            {
                let (count, judged) = (bytes.len(), plain(bytes));
                reader.consume(count);
                if judged.is_err() {
                    return Ok(judged);
                }
            }
        }
        Ok(Ok(()))
    }

    /// Makes records of `out`, behind what the session itself has to say.
    pub fn seal(&mut self, out: &mut Vec<u8>) {
        // Memory takes all.
        let _ = self.inner.writer().write_all(out);
        out.clear();
        while self.inner.wants_write() && self.inner.write_tls(out).unwrap_or(0) > 0 {}
    }
}

/// `--insecure`: the server may be anybody, but what it signs must be signed.
#[derive(Debug)]
struct TrustAnyone(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
