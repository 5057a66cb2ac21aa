//! Cursors of lists: the position from which a list goes on, signed so that a client can neither change it nor use it
//! for another list.

use std::sync::OnceLock;

use api::ApiError;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jobs::ports::{Clock, KeyValueStore, Record};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// The key's collection and key in the records table. A caller who can read that table needs no cursor.
const KEY: (&str, &str) = ("state", "cursor-key");
/// The length of an HMAC-SHA-256 tag, in bytes.
const TAG_BYTES: usize = 32;
/// The longest cursor, in characters: a page may end amid hundreds of jobs of one millisecond. API Gateway takes 10,240
/// bytes of request line and headers, a token included.
const MAX_CURSOR_BYTES: usize = 8_000;

/// Signs and verifies cursors. The key is read once in the life of an instance.
#[derive(Debug, Default)]
pub(super) struct CursorSigner {
    key: OnceLock<Vec<u8>>,
}

impl CursorSigner {
    pub(super) const fn new() -> Self {
        Self {
            key: OnceLock::new(),
        }
    }

    /// A cursor for a position, good only for the same question of the same person.
    pub(super) async fn sign<P, T>(
        &self,
        ports: &P,
        question: &str,
        position: &T,
    ) -> Result<String, ApiError>
    where
        P: KeyValueStore + Clock,
        T: Serialize,
    {
        let position = serde_json::to_vec(position).unwrap_or_default();
        let tag = self.mac(ports, question, &position).await?.finalize();
        let mut signed = tag.into_bytes().to_vec();
        signed.extend_from_slice(&position);
        Ok(BASE64_URL_SAFE_NO_PAD.encode(signed))
    }

    /// The position in a cursor.
    pub(super) async fn verify<P, T>(
        &self,
        ports: &P,
        question: &str,
        cursor: &str,
    ) -> Result<T, ApiError>
    where
        P: KeyValueStore + Clock,
        T: DeserializeOwned,
    {
        let bad = || {
            ApiError::BadCursor(
                "the cursor is of another question or another person; ask again without one"
                    .to_owned(),
            )
        };
        if cursor.len() > MAX_CURSOR_BYTES {
            return Err(bad());
        }
        let signed = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        let (tag, position) = signed.split_at_checked(TAG_BYTES).ok_or_else(bad)?;
        let mac = self.mac(ports, question, position).await?;
        // In constant time.
        mac.verify_slice(tag).map_err(|_| bad())?;
        serde_json::from_slice(position).map_err(|_| bad())
    }

    async fn mac<P: KeyValueStore + Clock>(
        &self,
        ports: &P,
        question: &str,
        position: &[u8],
    ) -> Result<Hmac<Sha256>, ApiError> {
        let key = match self.key.get() {
            Some(key) => key,
            None => {
                let key = key(ports).await?;
                self.key.get_or_init(|| key)
            }
        };
        let mac = Hmac::<Sha256>::new_from_slice(key);
        let mut mac = mac.map_err(|error| ApiError::Unavailable(error.to_string()))?;
        // The length first, so that no end of a question is taken for the beginning of a position.
        mac.update(&(question.len() as u64).to_be_bytes());
        mac.update(question.as_bytes());
        mac.update(position);
        Ok(mac)
    }
}

/// The key. The first call ever makes it.
async fn key<P: KeyValueStore + Clock>(ports: &P) -> Result<Vec<u8>, ApiError> {
    for _ in 0..2 {
        if let Some(there) = ports.read(KEY.0, KEY.1).await? {
            return BASE64_STANDARD
                .decode(&there.text)
                .map_err(|error| ApiError::Unavailable(format!("the key of cursors: {error}")));
        }
        let random: Vec<u8> = (0..4).flat_map(|_| ports.random().to_be_bytes()).collect();
        let document = Record {
            text: BASE64_STANDARD.encode(&random),
            revision: 1,
            expires_at: None,
        };
        if ports.write(KEY.0, KEY.1, &document).await? {
            return Ok(random);
        }
    }
    Err(ApiError::Unavailable("try again in a moment".to_owned()))
}
