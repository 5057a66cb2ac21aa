//! Signature Version 4 for the few requests that are not made with an AWS SDK.

use std::time::SystemTime;

use anyhow::Result;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::cloud::REGION;

/// Signs a request with Signature Version 4. `service` is the service's signing name.
///
/// # Errors
/// The URI has no host, or a header is not text.
pub fn sign_request(
    request: Request<Bytes>,
    service: &str,
    credentials: &Credentials,
) -> Result<Request<Full<Bytes>>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a signature is valid for minutes of real time"
    )]
    let now = SystemTime::now();
    let identity = credentials.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(now)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let (mut head, body) = request.into_parts();
    let headers: Vec<(&str, &str)> = head
        .headers
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
        .collect::<Result<_>>()?;
    let uri = head.uri.to_string();
    let signable = SignableRequest::new(
        head.method.as_str(),
        &uri,
        headers.into_iter(),
        SignableBody::Bytes(&body),
    )?;
    let (instructions, _) = sign(signable, &params)?.into_parts();
    head.extensions.clear();
    let mut request = Request::from_parts(head, Full::new(body));
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_names_the_access_key_the_service_and_the_signed_headers() {
        let request = Request::post("http://127.0.0.1:1/")
            .header("x-amz-target", "A.B")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let role = Credentials::new("key", "secret", Some("token".to_owned()), None, "test");
        let request = sign_request(request, "sqs", &role).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        let authorization = header("authorization");
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=key/"),
            "{authorization}"
        );
        assert!(
            authorization.contains("/us-east-1/sqs/aws4_request"),
            "{authorization}"
        );
        assert!(authorization.contains("x-amz-target"), "{authorization}");
        assert_eq!(header("x-amz-security-token"), "token");
    }
}
