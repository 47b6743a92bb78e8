//! Encryption of client, replication and bus connections.

use crate::config::row::{INT_MAX, PORT_MAX, group, number, one_of, optional, yes_no};
use crate::config::value::TlsAuthClients;

group! {
    /// TLS for clients, replication and the bus.
    Tls in config.tls;

    /// TLS port for clients, of the first core; 0 is off
    port: u16 = number("tls-port", 0, PORT_MAX, "0");
    /// Encrypt the cluster bus
    cluster: bool = yes_no("tls-cluster", "no");
    /// Encrypt connections to masters
    replication: bool = yes_no("tls-replication", "no");
    /// Whether clients must, may or need not show a certificate
    auth_clients: TlsAuthClients = one_of("tls-auth-clients", TlsAuthClients::WORDS, "yes");
    /// Path of the certificate, PEM
    cert_file: String = optional("tls-cert-file");
    /// Path of its private key, PEM
    key_file: String = optional("tls-key-file");
    /// Password of the private key
    key_file_pass: String = optional("tls-key-file-pass").secret();
    /// Certificate for connections the server opens; empty is tls-cert-file
    client_cert_file: String = optional("tls-client-cert-file");
    /// Private key for connections the server opens; empty is tls-key-file
    client_key_file: String = optional("tls-client-key-file");
    /// Password of that private key
    client_key_file_pass: String = optional("tls-client-key-file-pass").secret();
    /// File of certificates of trusted authorities
    ca_cert_file: String = optional("tls-ca-cert-file");
    /// Folder of certificates of trusted authorities
    ca_cert_dir: String = optional("tls-ca-cert-dir");
    /// Protocol versions to offer; empty is 1.2 and 1.3
    protocols: String = optional("tls-protocols");
    /// Cipher suites of TLS 1.2 to offer; empty is the library's choice
    ciphers: String = optional("tls-ciphers");
    /// Cipher suites of TLS 1.3 to offer; empty is the library's choice
    ciphersuites: String = optional("tls-ciphersuites");
    /// Choose the cipher by the server's order
    prefer_server_ciphers: bool = yes_no("tls-prefer-server-ciphers", "no");
    /// Let clients resume sessions
    session_caching: bool = yes_no("tls-session-caching", "yes");
    /// Sessions to remember; 0 is no bound
    session_cache_size: u32 = number("tls-session-cache-size", 0, INT_MAX, "20480");
    /// Seconds a session is remembered
    session_cache_timeout: u32 = number("tls-session-cache-timeout", 0, INT_MAX, "300")
        .never("sessions are forgotten by their number, not by age");
}
