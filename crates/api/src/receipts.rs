//! Receipts: what the service states about a result, signed, so that others can check it without the service.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use jobs::apply::RunContext;
use jobs::id::{Attempt, Location, hex};
use jobs::job::{AttemptRecord, Job};
use jobs::ports::{Clock, JobStore, ObjectStore};
use jobs::state::State;
use jobs::view::ModelView;
use sha2::{Digest, Sha256};

use crate::job_detail::visible_job;
use crate::ports::{ObjectDigest, ReceiptSigner};
use crate::types::{Receipt, ReceiptFile, ReceiptKey, ReceiptKeys, ReceiptView};
use crate::{ApiError, Permission, Principal};

/// Of larger files a receipt has no hash: the function reads them, and has 29 seconds for two.
const MAX_HASHED_BYTES: u64 = 64 * 1024 * 1024;
/// What KMS signs at most (AWS KMS API reference, "Sign").
const MAX_SIGNED_BYTES: usize = 4096;

/// Makes a receipt for the result of a job, or of one of its attempts.
///
/// # Errors
/// [`ApiError::NotReady`] if there is no such result, [`ApiError::Gone`] if it was deleted.
pub async fn issue<P>(
    ports: &P,
    run: &RunContext<'_>,
    principal: &Principal,
    id: &str,
    attempt: Option<u8>,
) -> Result<ReceiptView, ApiError>
where
    P: Clock + JobStore + ObjectStore + ObjectDigest + ReceiptSigner,
{
    let job = visible_job(ports, run, principal, Permission::ReadReceipts, id).await?;
    let reads = principal.reads(&job);
    let (record, output) = result_of(&job, attempt)?;
    let Some(current) = ports.head(output).await? else {
        return Err(ApiError::Gone(
            "the result was deleted: its retention time is over".to_owned(),
        ));
    };
    let mut result = ReceiptFile {
        location: output.to_string(),
        version: current.version,
        etag: current.etag,
        bytes: current.bytes,
        sha256: None,
    };
    result.sha256 = hash(ports, output, &result).await?;
    let input = Location {
        bucket: job.input.bucket.clone(),
        key: job.input.key.clone(),
    };
    let mut document = ReceiptFile {
        // The key may be the document's name.
        location: if reads {
            input.to_string()
        } else {
            String::new()
        },
        version: job.input.version.clone(),
        etag: job.input.etag.clone(),
        bytes: job.input.bytes,
        sha256: None,
    };
    document.sha256 = hash(ports, &input, &document).await?;
    let receipt = Receipt {
        issued_at: ports.now().0,
        job_id: job.id.to_string(),
        tenant: job.tenant.to_string(),
        pipeline: job.pipeline.clone(),
        reference: job.input.labels.reference.clone().filter(|_| reads),
        created_at: job.created_at.0,
        attempt: record.attempt.0,
        started_at: record.started_at.0,
        closed_at: record.closed_at.map(|at| at.0),
        may_run_twice: record.may_run_twice,
        model: record.model.as_ref().map(ModelView::from),
        document,
        result,
    };
    let key = key(&ports.public_key().await?);
    let message = signing_input(&key.kid, &receipt);
    if message.len() > MAX_SIGNED_BYTES {
        return Err(ApiError::Refused(
            "the document's key and reference are too long for a receipt".to_owned(),
        ));
    }
    let signature = ports.sign(message.as_bytes()).await?;
    Ok(ReceiptView {
        jws: format!("{message}.{}", BASE64URL.encode(signature)),
        receipt,
    })
}

fn result_of(job: &Job, attempt: Option<u8>) -> Result<(&AttemptRecord, &Location), ApiError> {
    if job.is_erased() {
        return Err(ApiError::Gone("the job's data was deleted".to_owned()));
    }
    let wanted = match (attempt, &job.state) {
        (Some(attempt), _) => Attempt(attempt),
        (None, State::Ready { attempt }) => *attempt,
        (None, _) => job.earlier_result(),
    };
    let found = job.results().find(|(record, _)| record.attempt == wanted);
    found.ok_or_else(|| {
        let state = job.state.name();
        ApiError::NotReady(format!("job {} is {state} and has no such result", job.id))
    })
}

async fn hash<P: ObjectDigest>(
    ports: &P,
    location: &Location,
    file: &ReceiptFile,
) -> Result<Option<String>, ApiError> {
    if file.bytes > MAX_HASHED_BYTES {
        return Ok(None);
    }
    let digest = ports.sha256(location, &file.version).await?;
    Ok(digest.map(|digest| hex(&digest)))
}

/// The first two parts of the signature's compact form, which are signed.
pub fn signing_input(kid: &str, receipt: &Receipt) -> String {
    let header = format!("{{\"alg\":\"EdDSA\",\"kid\":\"{kid}\",\"typ\":\"docket-receipt\"}}");
    // Cannot fail: texts and numbers.
    let payload = serde_json::to_vec(receipt).unwrap_or_default();
    format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload))
}

/// A public key as it is published. Its id is its thumbprint (RFC 7638; RFC 8037, A.3).
pub fn key(public_key: &[u8]) -> ReceiptKey {
    let x = BASE64URL.encode(public_key);
    let thumbprint =
        Sha256::digest(format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"{x}\"}}").as_bytes());
    ReceiptKey {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        kid: BASE64URL.encode(thumbprint),
        x,
    }
}

/// The keys that receipts are signed with.
///
/// # Errors
/// If the key cannot be read.
pub async fn keys<P: ReceiptSigner>(ports: &P) -> Result<ReceiptKeys, ApiError> {
    Ok(ReceiptKeys {
        keys: vec![key(&ports.public_key().await?)],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8037, A.3.
    #[test]
    fn id_of_a_key_is_its_thumbprint() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = key(&BASE64URL.decode(x).unwrap());
        assert_eq!(key.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key.x, x);
    }
}
