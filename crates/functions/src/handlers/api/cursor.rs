//! Cursors: the position in a list, authenticated with a key that only this service knows (HMAC-SHA256).

use std::sync::OnceLock;

use api::ApiError;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jobs::ports::{Clock, KeyValueStore, Record};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// The key is in the table `records`. A reader of that table needs no cursor to read its data.
const COLLECTION: &str = "state";
pub(super) const KEY: &str = "cursor-key";
/// The key's name for function `events-api`.
pub(super) const EVENTS_KEY: &str = "events-cursor-key";
/// The size of an HMAC-SHA256 tag.
const TAG_BYTES: usize = 32;
/// A page may end amid hundreds of jobs of the same millisecond, which makes a long cursor. API Gateway takes 10,240 bytes
/// of request line and headers, including the token.
const MAX_CURSOR_BYTES: usize = 8_000;

/// Signs and verifies cursors. Reads the key once per instance of the function.
#[derive(Debug)]
pub(super) struct CursorSigner {
    /// The key's name in the table.
    name: &'static str,
    key: OnceLock<Vec<u8>>,
}

impl CursorSigner {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            key: OnceLock::new(),
        }
    }

    /// A cursor for a position. It is valid only for the same query of the same caller.
    pub(super) async fn sign<P, T>(
        &self,
        ports: &P,
        query_id: &str,
        position: &T,
    ) -> Result<String, ApiError>
    where
        P: KeyValueStore + Clock,
        T: Serialize,
    {
        let position = serde_json::to_vec(position).unwrap_or_default();
        let tag = self.mac(ports, query_id, &position).await?.finalize();
        let mut signed = tag.into_bytes().to_vec();
        signed.extend_from_slice(&position);
        Ok(BASE64_URL_SAFE_NO_PAD.encode(signed))
    }

    /// The position in a cursor.
    ///
    /// # Errors
    /// [`ApiError::BadCursor`] unless this service signed it for the same query.
    pub(super) async fn verify<P, T>(
        &self,
        ports: &P,
        query_id: &str,
        cursor: &str,
    ) -> Result<T, ApiError>
    where
        P: KeyValueStore + Clock,
        T: DeserializeOwned,
    {
        let invalid = || {
            ApiError::BadCursor(
                "the cursor belongs to another query or another caller; start again without a cursor"
                    .to_owned(),
            )
        };
        if cursor.len() > MAX_CURSOR_BYTES {
            return Err(invalid());
        }
        let signed = BASE64_URL_SAFE_NO_PAD
            .decode(cursor)
            .map_err(|_| invalid())?;
        let (tag, position) = signed.split_at_checked(TAG_BYTES).ok_or_else(invalid)?;
        let mac = self.mac(ports, query_id, position).await?;
        // In constant time.
        mac.verify_slice(tag).map_err(|_| invalid())?;
        serde_json::from_slice(position).map_err(|_| invalid())
    }

    async fn mac<P: KeyValueStore + Clock>(
        &self,
        ports: &P,
        query_id: &str,
        position: &[u8],
    ) -> Result<Hmac<Sha256>, ApiError> {
        let key = match self.key.get() {
            Some(key) => key,
            None => {
                let key = key(ports, self.name).await?;
                self.key.get_or_init(|| key)
            }
        };
        let mac = Hmac::<Sha256>::new_from_slice(key);
        let mut mac = mac.map_err(|error| ApiError::Unavailable(error.to_string()))?;
        // The length first, so that the end of a query id cannot pass for the start of a position.
        mac.update(&(query_id.len() as u64).to_be_bytes());
        mac.update(query_id.as_bytes());
        mac.update(position);
        Ok(mac)
    }
}

/// Reads the key, or creates it if it does not exist.
async fn key<P: KeyValueStore + Clock>(ports: &P, name: &str) -> Result<Vec<u8>, ApiError> {
    for _ in 0..2 {
        if let Some(record) = ports.get(COLLECTION, name).await? {
            return BASE64_STANDARD.decode(&record.body).map_err(|error| {
                ApiError::Unavailable(format!("the cursor key is invalid: {error}"))
            });
        }
        let random: Vec<u8> = (0..4).flat_map(|_| ports.random().to_be_bytes()).collect();
        let record = Record {
            body: BASE64_STANDARD.encode(&random),
            revision: 1,
            expires_at: None,
        };
        if ports.put(COLLECTION, name, &record).await? {
            return Ok(random);
        }
    }
    Err(ApiError::Unavailable("try again in a moment".to_owned()))
}
