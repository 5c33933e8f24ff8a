//! A vendor's key as two files: the secret half (0600), and the public half beside it.

use crate::edge::codes;
use crate::edge::private_file;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::license::Serial;
use crate::wire::license_file::{VendorKey, VendorKeyError, VendorPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The longest file that can hold a public key, in bytes.
const PUBLIC_FILE_BYTES_MAX: u64 = 4_096;

const KEY_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const KEY_END: &str = "-----END PRIVATE KEY-----";
/// More than any public half has.
const PUBLIC_BYTES_MAX: u64 = 1_024;

/// 64 random bits: two of a vendor's licenses would meet only after billions.
pub fn random_serial() -> Result<Serial, Failure> {
    let failed =
        |why: String| Failure::new(Exit::Refused, codes::VENDOR_KEY_FILE, why, "name a `--serial`");
    let mut bits = [0; 8];
    aws_lc_rs::rand::fill(&mut bits).map_err(|_| failed("no random serial was drawn".into()))?;
    let text = format!("L-{:016x}", u64::from_be_bytes(bits));
    text.parse().map_err(|error| failed(format!("{error}")))
}

/// Where the public half of the key in this file lies.
pub fn public_half(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_os_string();
    name.push(".pub");
    PathBuf::from(name)
}

/// Makes a new key and writes both halves. A file that is there is never overwritten.
pub fn make_key(path: &Path) -> Result<VendorKey, Failure> {
    let no_key = |why: String| {
        Failure::new(Exit::Refused, codes::VENDOR_KEY_FILE, why, "name another `--out FILE`")
    };
    let key = VendorKey::generate().map_err(|error| no_key(error.to_string()))?;
    let secret = key.to_pkcs8().map_err(|error| no_key(error.to_string()))?;
    let pem = format!("{KEY_BEGIN}\n{}\n{KEY_END}\n", STANDARD.encode(secret));
    let not_written = |path: &Path, error: std::io::Error| {
        no_key(format!("cannot write {}: {error}", path.display()))
    };
    let public = public_half(path);
    if public.exists() {
        return Err(not_written(&public, ErrorKind::AlreadyExists.into()));
    }
    private_file::create(path, &pem).map_err(|error| not_written(path, error))?;
    std::fs::write(&public, format!("{}\n", key.public()))
        .map_err(|error| not_written(&public, error))?;
    Ok(key)
}

/// The key that `make_key` wrote, or any Ed25519 key in PKCS #8 PEM form.
pub fn read_key(path: &Path) -> Result<VendorKey, Failure> {
    let no_key = |why: String| {
        let message = format!("{} holds no vendor's key: {why}", path.display());
        Failure::new(
            Exit::Refused,
            codes::VENDOR_KEY_FILE,
            message,
            "make one: `lictree vendor keygen --out FILE`",
        )
    };
    if is_public_half(path) {
        return Err(no_key("it is the public half; name the secret one".to_string()));
    }
    let text = private_file::read(path).map_err(|error| no_key(error.to_string()))?;
    let body = text.trim().strip_prefix(KEY_BEGIN).and_then(|rest| rest.strip_suffix(KEY_END));
    let body: String = body
        .ok_or_else(|| no_key(format!("it does not begin with {KEY_BEGIN}")))?
        .split_whitespace()
        .collect();
    let bytes = STANDARD.decode(body).map_err(|error| no_key(error.to_string()))?;
    VendorKey::from_pkcs8(&bytes).map_err(|error| no_key(error.to_string()))
}

/// Public keys: each the line itself, or the path of a file with nothing but that line.
pub fn read_public_keys(texts: &[String]) -> Result<Vec<VendorPublicKey>, Failure> {
    texts.iter().map(|text| read_public_key(text)).collect()
}

fn read_public_key(text: &str) -> Result<VendorPublicKey, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let mut line = String::new();
    let read = std::fs::File::open(text)
        .and_then(|file| file.take(PUBLIC_FILE_BYTES_MAX).read_to_string(&mut line));
    let no_key = |why: String| {
        let message = format!("{text} is no vendor's public key, and no file with one: {why}");
        let hint =
            "name the file FILE.pub that `lictree vendor keygen` wrote, or its line in quotes";
        Failure::new(Exit::Refused, codes::VENDOR_KEY_FILE, message, hint)
    };
    read.map_err(|error| no_key(error.to_string()))?;
    line.parse().map_err(|error: VendorKeyError| no_key(error.to_string()))
}

/// Whether this is what servers are given to know the vendor by.
fn is_public_half(path: &Path) -> bool {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok();
    let read = file.and_then(|file| file.take(PUBLIC_BYTES_MAX).read_to_string(&mut text).ok());
    read.is_some() && text.trim().parse::<VendorPublicKey>().is_ok()
}
