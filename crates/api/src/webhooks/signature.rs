//! Secrets and signatures (Standard Webhooks specification 1.0, "Signature scheme").

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jobs::id::Timestamp;
use jobs::ports::Clock;
use sha2::Sha256;

/// The length of the secrets that are made here; the specification allows 24 to 64 bytes.
const SECRET_BYTES: usize = 32;
const SECRET_PREFIX: &str = "whsec_";

/// A new secret, as it is shown to the customer: `whsec_` and padded base64.
pub(super) fn new_secret<P: Clock>(ports: &P) -> String {
    let random = (0..SECRET_BYTES / 8).flat_map(|_| ports.random().to_be_bytes());
    let bytes: Vec<u8> = random.collect();
    format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(bytes))
}

/// The value of the header `webhook-signature`: a signature for each secret, separated by one blank.
pub(super) fn sign(secrets: &[&str], id: &str, at: Timestamp, body: &str) -> String {
    let signatures = secrets.iter().filter_map(|secret| {
        let key = secret.strip_prefix(SECRET_PREFIX)?;
        let key = BASE64_STANDARD.decode(key).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        mac.update(format!("{id}.{}.{body}", seconds(at)).as_bytes());
        let tag = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        Some(format!("v1,{tag}"))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

/// The value of the header `webhook-timestamp`.
pub(super) const fn seconds(at: Timestamp) -> u64 {
    at.0 / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn signature_is_that_of_the_reference_libraries() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let at = Timestamp(1_614_265_330_000);
        let signed = sign(
            &[secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let two = sign(
            &[secret, secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            "{\"test\": 2432232314}",
        );
        assert_eq!(two, format!("{signed} {signed}"));
    }
}
