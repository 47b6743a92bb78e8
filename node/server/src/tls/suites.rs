//! Cipher suites by the names users know: OpenSSL's.
//!
//! A list names what is wanted, in order, divided by colons. What rustls does not have (anything without forward
//! secrecy and authenticated encryption) cannot be had; a list of which nothing is left is an error, not a server that
//! no client can speak to.

use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion};

/// OpenSSL's name of each suite that can be had.
const NAMES: &[(&str, CipherSuite)] = &[
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
];

/// Keeps the suites of TLS 1.2 that `tls12` names and those of TLS 1.3 that `tls13` names, in that order; an empty
/// list, and OpenSSL's words for its own choices, keep all of their version.
///
/// # Errors
/// A sentence, when a list names none that can be had.
pub fn keep_named(suites: &mut Vec<SupportedCipherSuite>, tls12: &str, tls13: &str) -> Result<(), String> {
    let of_version = |version: &SupportedProtocolVersion| {
        suites.iter().copied().filter(|suite| suite.version() == version).collect::<Vec<_>>()
    };
    let new = chosen(&of_version(&rustls::version::TLS13), "tls-ciphersuites", tls13)?;
    let old = chosen(&of_version(&rustls::version::TLS12), "tls-ciphers", tls12)?;
    *suites = [new, old].concat();
    Ok(())
}

fn chosen(
    all: &[SupportedCipherSuite],
    directive: &str,
    list: &str,
) -> Result<Vec<SupportedCipherSuite>, String> {
    let names: Vec<&str> = list.split(':').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names
        .iter()
        .all(|name| name.starts_with(['!', '-', '+', '@']) || ["DEFAULT", "HIGH", "ALL"].contains(name))
    {
        return Ok(all.to_vec());
    }
    let suite = |name: &&str| {
        let (_, id) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        all.iter().copied().find(|suite| suite.suite() == *id)
    };
    let found: Vec<SupportedCipherSuite> = names.iter().filter_map(suite).collect();
    if found.is_empty() {
        return Err(format!("Failed to configure ciphers: {directive} names none that can be had: {list}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(tls12: &str, tls13: &str) -> Result<Vec<CipherSuite>, String> {
        let mut suites = rustls::crypto::ring::ALL_CIPHER_SUITES.to_vec();
        keep_named(&mut suites, tls12, tls13)?;
        Ok(suites.iter().map(|suite| suite.suite()).collect())
    }

    #[test]
    fn every_suite_has_a_name() {
        assert_eq!(kept("", "").unwrap().len(), NAMES.len());
        assert_eq!(kept("DEFAULT:!MEDIUM", "").unwrap().len(), NAMES.len());
    }

    #[test]
    fn lists_choose_and_order() {
        let named = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
        let expected = [
            CipherSuite::TLS13_AES_128_GCM_SHA256,
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ];
        assert_eq!(kept("AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256", named).unwrap(), expected);
        assert!(kept("RC4-MD5", "").unwrap_err().contains("tls-ciphers"));
    }
}
