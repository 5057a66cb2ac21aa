//! `docket jobs receipt`, `docket receipt-keys`, and `docket verify`, which needs neither the service nor a sign-in.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use api::receipts::key;
use api::types::{Receipt, ReceiptFile, ReceiptKeys, ReceiptView};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::CommandContext;
use crate::cli::VerifyArgs;
use crate::download::safe_name;
use crate::error::{CliError, Exit, Result};
use crate::print::{Printer, sanitize};
use crate::url::{path_segment, query_string};

const READ_BYTES: usize = 64 * 1024;

/// Saves the receipt of a job exactly as it is.
pub(crate) async fn save(
    context: &CommandContext,
    id: &str,
    attempt: Option<u8>,
    output: Option<PathBuf>,
    force: bool,
) -> Result<Exit> {
    let query = query_string(&api::types::ResultQuery { attempt });
    let path = format!("/jobs/{}/receipt{query}", path_segment(id));
    let view: ReceiptView = context.client.get(&path).await?;
    let name = safe_name(&format!("{}.receipt", view.receipt.job_id));
    let output = output.unwrap_or_else(|| PathBuf::from(name));
    if output.as_os_str() == "-" {
        context.printer.bytes(view.jws.as_bytes())?;
        return Ok(Exit::Success);
    }
    create(&output, view.jws.as_bytes(), force)?;
    if context.printer.json {
        context.printer.json_line(&view)?;
    } else {
        let text = format!("{}  saved", output.display());
        context.printer.line(&sanitize(&text))?;
    }
    Ok(Exit::Success)
}

/// An existing file is overwritten only if asked for: an earlier receipt proves an earlier time.
fn create(path: &Path, content: &[u8], force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    let options = options.truncate(force).create_new(!force);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(content));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let text = format!("{} already exists", path.display());
            CliError::new(Exit::Failed, "exists", text).with_hint("use --force to overwrite it")
        }
        _ => CliError::local(format!("cannot write {}: {error}", path.display())),
    })
}

/// Prints the keys that receipts are signed with.
pub(crate) async fn keys(context: &CommandContext) -> Result<Exit> {
    let keys: ReceiptKeys = context.client.get("/receipt-keys").await?;
    context.printer.json_line(&keys)?;
    Ok(Exit::Success)
}

/// Checks a receipt, and the files that it is about.
pub(crate) fn verify(printer: &Printer, args: &VerifyArgs) -> Result<Exit> {
    let keys = serde_json::from_slice(&read(&args.keys)?);
    let keys: ReceiptKeys = keys.map_err(|error| {
        CliError::usage(format!(
            "{} holds no keys of receipts: {error}",
            args.keys.display()
        ))
    })?;
    let receipt = check_signature(&read(&args.receipt)?, &keys).map_err(refused)?;
    let files = [
        ("document", &args.document, &receipt.document),
        ("result", &args.result, &receipt.result),
    ];
    for (what, path, file) in files {
        if let Some(path) = path {
            let content = File::open(path).map_err(|error| unreadable(path, &error))?;
            check_file(content, file)
                .map_err(|problem| refused(format!("{what} {}: {problem}", path.display())))?;
        }
    }
    if printer.json {
        printer.json_line(&receipt)?;
        return Ok(Exit::Success);
    }
    printer.line(&format!(
        "the receipt is genuine: job {}, tenant {}, pipeline {}, attempt {}, made {}",
        sanitize(&receipt.job_id),
        sanitize(&receipt.tenant),
        sanitize(&receipt.pipeline),
        receipt.attempt,
        printer.table_time(receipt.issued_at)
    ))?;
    for (what, path, _) in files {
        let state = if path.is_some() {
            "is the one of the receipt"
        } else {
            "not checked"
        };
        printer.line(&format!("{what}: {state}"))?;
    }
    Ok(Exit::Success)
}

fn refused(problem: String) -> CliError {
    CliError::new(Exit::Failed, "receipt-refused", problem)
}

fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::local(format!("cannot read {}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// What a receipt says, if one of the keys has signed exactly these bytes.
fn check_signature(jws: &[u8], keys: &ReceiptKeys) -> Result<Receipt, String> {
    let not_one = |what: &str| format!("this is no receipt of Docket, or it was changed: {what}");
    let text = std::str::from_utf8(jws).map_err(|_| not_one("it is not text"))?;
    let (message, signature) = text.rsplit_once('.').ok_or_else(|| not_one("no parts"))?;
    let (header, payload) = message
        .split_once('.')
        .ok_or_else(|| not_one("no payload"))?;
    let decode = |part: &str| {
        let bytes = BASE64URL.decode(part);
        bytes.map_err(|error| not_one(&format!("{error}; a line feed at its end is a change")))
    };
    let header: Header = serde_json::from_slice(&decode(header)?)
        .map_err(|error| not_one(&format!("header: {error}")))?;
    if header.alg != "EdDSA" {
        return Err(not_one("it is signed in another way"));
    }
    let found = keys.keys.iter().find(|known| known.kid == header.kid);
    let found = found.ok_or_else(|| {
        format!(
            "none of the keys has the id {}; `docket receipt-keys` prints those of the service",
            sanitize(&header.kid)
        )
    })?;
    let public = decode(&found.x)?;
    if key(&public).kid != found.kid {
        return Err("the file of keys was changed: a key has another id".to_owned());
    }
    UnparsedPublicKey::new(&ED25519, &public)
        .verify(message.as_bytes(), &decode(signature)?)
        .map_err(|_| not_one("the signature does not fit"))?;
    serde_json::from_slice(&decode(payload)?).map_err(|error| {
        format!("the receipt is genuine, but this program does not understand it: {error}")
    })
}

/// Whether content is that of a file of a receipt.
fn check_file(mut content: impl Read, file: &ReceiptFile) -> Result<(), String> {
    let Some(expected) = &file.sha256 else {
        return Err("the receipt has no hash of it: it was too large, or gone".to_owned());
    };
    let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = content.read(&mut buffer).map_err(|it| it.to_string())?;
        if read == 0 {
            break;
        }
        digest.update(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
    let digest = digest.finalize();
    let actual: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if (bytes, &actual) == (file.bytes, expected) {
        Ok(())
    } else {
        Err(format!(
            "not the file of the receipt: {bytes} bytes, SHA-256 {actual}, instead of {} and {expected}",
            file.bytes
        ))
    }
}

#[cfg(test)]
mod tests {
    use api::receipts::signing_input;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    const MUTATIONS: u64 = 1_000;

    fn file(content: &[u8]) -> ReceiptFile {
        let digest = Sha256::digest(content);
        ReceiptFile {
            location: "s3://docket-jobs/outbound/a.json".to_owned(),
            version: "v1".to_owned(),
            etag: "e1".to_owned(),
            bytes: content.len() as u64,
            sha256: Some(digest.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }

    fn receipt(document: &[u8], result: &[u8]) -> Receipt {
        Receipt {
            issued_at: 1_767_607_442_118,
            job_id: "6d0ad460-5c6b-5e5f-9a0b-6f0b0c0d0e0f".to_owned(),
            tenant: "acme".to_owned(),
            pipeline: "legal-review".to_owned(),
            reference: Some("INV-4711".to_owned()),
            created_at: 1_767_607_400_000,
            attempt: 1,
            started_at: 1_767_607_401_000,
            closed_at: Some(1_767_607_441_000),
            may_run_twice: false,
            model: None,
            document: file(document),
            result: file(result),
        }
    }

    fn signed(receipt: &Receipt, seed: u8) -> (String, ReceiptKeys) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = key(pair.public_key().as_ref());
        let message = signing_input(&key.kid, receipt);
        let signature = BASE64URL.encode(pair.sign(message.as_bytes()));
        (
            format!("{message}.{signature}"),
            ReceiptKeys { keys: vec![key] },
        )
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Other bytes: one changed, added, removed or doubled, two exchanged, or the end cut off.
    fn mutated(original: &[u8], state: &mut u64) -> Vec<u8> {
        loop {
            let mut bytes = original.to_vec();
            let at = usize::try_from(random(state) % bytes.len() as u64).unwrap();
            let value = random(state).to_le_bytes()[0];
            match random(state) % 6 {
                0 => bytes[at] ^= 1 << (value % 8),
                1 => bytes.insert(at, value),
                2 => {
                    bytes.remove(at);
                }
                3 => bytes.insert(at, bytes[at]),
                4 => bytes.swap(at, 0),
                _ => bytes.truncate(at),
            }
            if bytes != original {
                return bytes;
            }
        }
    }

    #[test]
    fn every_mutation_of_a_receipt_or_of_a_file_is_refused() {
        let (document, result) = (b"%PDF-1.7 a contract".to_vec(), b"{\"kind\":\"rules\"}");
        let receipt = receipt(&document, result);
        let (jws, keys) = signed(&receipt, 7);
        assert_eq!(check_signature(jws.as_bytes(), &keys), Ok(receipt.clone()));
        assert_eq!(check_file(&document[..], &receipt.document), Ok(()));
        assert_eq!(check_file(&result[..], &receipt.result), Ok(()));
        for seed in 0..MUTATIONS {
            let mut state = seed;
            let changed = mutated(jws.as_bytes(), &mut state);
            let accepted = check_signature(&changed, &keys);
            let text = String::from_utf8_lossy(&changed);
            assert!(accepted.is_err(), "seed {seed}: {text}");
            let changed = mutated(&document, &mut state);
            let accepted = check_file(&changed[..], &receipt.document);
            assert!(accepted.is_err(), "seed {seed}: {changed:?}");
            let changed = mutated(result, &mut state);
            let accepted = check_file(&changed[..], &receipt.result);
            assert!(accepted.is_err(), "seed {seed}: {changed:?}");
        }
        assert!(check_signature(format!("{jws}\n").as_bytes(), &keys).is_err());
    }

    #[test]
    fn receipt_of_another_key_or_another_algorithm_is_refused() {
        let receipt = receipt(b"a", b"b");
        let (jws, keys) = signed(&receipt, 7);
        let (of_other, other) = signed(&receipt, 8);
        assert!(check_signature(of_other.as_bytes(), &keys).is_err());
        // The key under the id of the one that is asked for.
        let mut exchanged = other.clone();
        exchanged.keys[0].kid.clone_from(&keys.keys[0].kid);
        assert!(check_signature(jws.as_bytes(), &exchanged).is_err());
        let parts: Vec<&str> = jws.split('.').collect();
        let (payload, signature) = (parts[1], parts[2]);
        for header in [
            format!("{{\"alg\":\"none\",\"kid\":\"{}\"}}", keys.keys[0].kid),
            format!("{{\"alg\":\"HS256\",\"kid\":\"{}\"}}", keys.keys[0].kid),
            "{\"alg\":\"EdDSA\"}".to_owned(),
        ] {
            let header = BASE64URL.encode(header);
            for signature in ["", signature] {
                let forged = format!("{header}.{payload}.{signature}");
                assert!(
                    check_signature(forged.as_bytes(), &keys).is_err(),
                    "{forged}"
                );
            }
        }
        let both = ReceiptKeys {
            keys: [other.keys, keys.keys].concat(),
        };
        assert!(check_signature(jws.as_bytes(), &both).is_ok());
        assert!(check_signature(of_other.as_bytes(), &both).is_ok());
    }

    #[test]
    fn file_without_a_hash_cannot_be_checked() {
        let without = ReceiptFile {
            sha256: None,
            ..file(b"a")
        };
        assert!(check_file(&b"a"[..], &without).is_err());
    }
}
