//! A vendor's key as two files: the secret half (0600), and the public half beside it.

use crate::edge::codes;
use crate::edge::private_file;
use crate::edge::terminal::failure::{Exit, Failure};
use crate::model::license::Serial;
use crate::wire::license_file::VendorKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::{Path, PathBuf};

const KEY_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const KEY_END: &str = "-----END PRIVATE KEY-----";

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
    private_file::create(path, &pem).map_err(|error| not_written(path, error))?;
    let public = public_half(path);
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
    let text = private_file::read(path).map_err(|error| no_key(error.to_string()))?;
    let body = text.trim().strip_prefix(KEY_BEGIN).and_then(|rest| rest.strip_suffix(KEY_END));
    let body: String = body
        .ok_or_else(|| no_key(format!("it does not begin with {KEY_BEGIN}")))?
        .split_whitespace()
        .collect();
    let bytes = STANDARD.decode(body).map_err(|error| no_key(error.to_string()))?;
    VendorKey::from_pkcs8(&bytes).map_err(|error| no_key(error.to_string()))
}
