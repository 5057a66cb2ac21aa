//! Cursors that nobody can change: where a list goes on, sealed with a key that only this service knows.

use std::sync::OnceLock;

use api::ApiError;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jobs::ports::{Clock, KeyValueStore, Record};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

/// Where the key is kept. Whoever can read the table needs no cursor.
const KEY: (&str, &str) = ("state", "cursor-key");
/// The length of a seal, in bytes.
const SEAL: usize = 32;
/// The longest cursor, in characters: a page may end amid hundreds of jobs of one millisecond. API Gateway takes 10,240
/// bytes of request line and headers, a token included.
const MOST: usize = 8_000;

/// Seals and opens cursors. The key is read once in the life of an instance.
#[derive(Debug, Default)]
pub(super) struct Sealer {
    key: OnceLock<Vec<u8>>,
}

impl Sealer {
    pub(super) const fn new() -> Self {
        Self {
            key: OnceLock::new(),
        }
    }

    /// A cursor for a place, good only for the same question of the same person.
    pub(super) async fn seal<P, T>(
        &self,
        ports: &P,
        question: &str,
        place: &T,
    ) -> Result<String, ApiError>
    where
        P: KeyValueStore + Clock,
        T: Serialize,
    {
        let place = serde_json::to_vec(place).unwrap_or_default();
        let seal = self.mac(ports, question, &place).await?.finalize();
        let mut sealed = seal.into_bytes().to_vec();
        sealed.extend_from_slice(&place);
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The place in a cursor.
    pub(super) async fn open<P, T>(
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
        if cursor.len() > MOST {
            return Err(bad());
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
        let (seal, place) = sealed.split_at_checked(SEAL).ok_or_else(bad)?;
        let mac = self.mac(ports, question, place).await?;
        // In constant time.
        mac.verify_slice(seal).map_err(|_| bad())?;
        serde_json::from_slice(place).map_err(|_| bad())
    }

    async fn mac<P: KeyValueStore + Clock>(
        &self,
        ports: &P,
        question: &str,
        place: &[u8],
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
        // The length first, so that no end of a question is taken for the beginning of a place.
        mac.update(&(question.len() as u64).to_be_bytes());
        mac.update(question.as_bytes());
        mac.update(place);
        Ok(mac)
    }
}

/// The key, made by whoever is the first to need it.
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
