//! What receipts need: hashes of objects, and a key in KMS that signs: `ObjectDigest`, `ReceiptSigner`.

use api::ports::{ObjectDigest, ReceiptSigner};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jobs::id::Location;
use jobs::ports::Unavailable;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::json_call::JsonService;
use super::{Aws, broken, unavailable};
use crate::config::{Environment, Has, variable};

const KMS: JsonService = JsonService {
    name: "kms",
    target: "TrentService",
};
/// An Ed25519 public key in DER has these many bytes before the key itself (RFC 8410).
const DER_PREFIX_BYTES: usize = 12;
const PUBLIC_KEY_BYTES: usize = 32;

impl<E: Environment> ObjectDigest for Aws<E> {
    async fn sha256(
        &self,
        location: &Location,
        version: &str,
    ) -> Result<Option<[u8; 32]>, Unavailable> {
        const OPERATION: &str = "S3 GetObject";
        let request = self.s3().get_object();
        let request = request.bucket(&location.bucket).key(&location.key);
        let request = request.set_expected_bucket_owner(self.bucket_owner());
        let object = match request.version_id(version).send().await {
            Ok(object) => object,
            Err(error) => {
                // 405: the version is a delete marker (S3 API reference, "GetObject").
                let status = error.raw_response().map(|it| it.status().as_u16());
                return match status {
                    Some(404 | 405) => Ok(None),
                    _ => Err(unavailable(OPERATION, error)),
                };
            }
        };
        let mut body = object.body;
        let mut digest = Sha256::new();
        while let Some(chunk) = body.next().await {
            digest.update(chunk.map_err(|error| broken(OPERATION, error))?);
        }
        Ok(Some(digest.finalize().into()))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SignResponse {
    signature: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PublicKeyResponse {
    public_key: String,
}

impl<E: Environment> Aws<E> {
    /// The service's URL in the function's region (AWS general reference, "AWS Key Management Service endpoints and quotas").
    fn kms_url(&self) -> String {
        self.endpoint("KMS").unwrap_or_else(|| {
            let region = &self.config.region;
            let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
            format!("https://kms.{region}.amazonaws.com{suffix}")
        })
    }
}

impl<E: Has<variable::ReceiptKeyId>> ReceiptSigner for Aws<E> {
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unavailable> {
        const OPERATION: &str = "KMS Sign";
        let input = json!({
            "KeyId": self.name::<variable::ReceiptKeyId>(),
            "Message": BASE64_STANDARD.encode(message),
            "MessageType": "RAW",
            "SigningAlgorithm": "ED25519_SHA_512",
        });
        let url = self.kms_url();
        let response = self.call_json::<SignResponse>(KMS, &url, "Sign", &input);
        let response = response
            .await
            .map_err(|error| unavailable(OPERATION, error))?;
        let signature = BASE64_STANDARD.decode(response.signature);
        signature.map_err(|error| broken(OPERATION, error))
    }

    async fn public_key(&self) -> Result<Vec<u8>, Unavailable> {
        const OPERATION: &str = "KMS GetPublicKey";
        let input = json!({"KeyId": self.name::<variable::ReceiptKeyId>()});
        let url = self.kms_url();
        let response = self.call_json::<PublicKeyResponse>(KMS, &url, "GetPublicKey", &input);
        let response = response
            .await
            .map_err(|error| unavailable(OPERATION, error))?;
        let der = BASE64_STANDARD.decode(response.public_key);
        let der = der.map_err(|error| broken(OPERATION, error))?;
        if der.len() != DER_PREFIX_BYTES + PUBLIC_KEY_BYTES {
            return Err(broken(OPERATION, "the key is not an Ed25519 key"));
        }
        Ok(der.get(DER_PREFIX_BYTES..).unwrap_or_default().to_vec())
    }
}
