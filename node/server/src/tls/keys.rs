//! Private keys, as their files hold them: plain, or encrypted with a password (PKCS #8, RFC 5958 and 8018).

use std::fs;

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The first line of a key that only its password opens.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
/// And of one in the form that OpenSSL had before PKCS #8.
const OLD_ENCRYPTED: &str = "Proc-Type: 4,ENCRYPTED";

/// The key in `file`, opened with `password` where it is encrypted.
///
/// # Errors
/// What is wrong with it, as a part of a sentence.
pub fn read(file: &str, password: &str) -> Result<PrivateKeyDer<'static>, String> {
    let text = fs::read_to_string(file).map_err(|e| e.to_string())?;
    if let Some(from) = text.find(ENCRYPTED) {
        return decrypt(&text[from..], password).map_err(|e| format!("it cannot be decrypted: {e}"));
    }
    if text.contains(OLD_ENCRYPTED) {
        return Err("its encryption is OpenSSL's old one: convert it with 'openssl pkcs8 -topk8'".to_owned());
    }
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|e| e.to_string())
}

fn decrypt(pem: &str, password: &str) -> Result<PrivateKeyDer<'static>, String> {
    let (_, document) = SecretDocument::from_pem(pem).map_err(|e| e.to_string())?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|e| e.to_string())?;
    let key = encrypted.decrypt(password).map_err(|e| e.to_string())?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}
