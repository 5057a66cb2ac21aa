//! What receipts need, in memory, with a key that every [`Memory`] has.

use api::ports::{ObjectDigest, ReceiptSigner};
use jobs::id::Location;
use jobs::ports::Unavailable;
use ring::signature::{Ed25519KeyPair, KeyPair};
use sha2::{Digest, Sha256};

use super::Memory;

fn key_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32])
        .unwrap_or_else(|_| unreachable!("any 32 bytes are a seed"))
}

impl ObjectDigest for Memory {
    async fn sha256(
        &self,
        location: &Location,
        version: &str,
    ) -> Result<Option<[u8; 32]>, Unavailable> {
        self.operation("sha256", |state| {
            let key = (location.bucket.clone(), location.key.clone());
            let versions = state.objects.get(&key)?;
            let (_, object) = versions.iter().find(|(known, _)| known == version)?;
            let content = &object.as_ref()?.content;
            Some(Sha256::digest(content).into())
        })
    }
}

impl ReceiptSigner for Memory {
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unavailable> {
        self.operation("sign", |_| key_pair().sign(message).as_ref().to_vec())
    }

    async fn public_key(&self) -> Result<Vec<u8>, Unavailable> {
        self.operation("public_key", |_| key_pair().public_key().as_ref().to_vec())
    }
}
