//! The HTTP client that all SDK clients share.
//!
//! TLS by *ring* with pinned roots: the default stack collects entropy for tens of milliseconds of CPU and parses the
//! system's certificates, which together cost more than the rest of a cold start (`docs/adr/0005-lean-tls.md`).

use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

/// The roots that AWS endpoints chain to (Amazon Trust Services repository). The benchmark of cold starts, which answers over TLS
/// itself, builds with as many roots of which one is its own. No root can be added at run time.
const ROOTS: &[u8] = match option_env!("BENCH_ROOTS_PEM") {
    Some(roots) => roots.as_bytes(),
    None => include_bytes!("../../roots/amazon.pem"),
};

/// How long an idle connection is kept: longer than the pauses between events, shorter than the servers' limit.
const IDLE_TIMEOUT: Duration = Duration::from_secs(50);

pub(super) fn client() -> SharedHttpClient {
    let roots = TrustStore::empty().with_pem_certificate(ROOTS);
    // An unparsable certificate would be a build defect that every test with TLS shows.
    let context = TlsContext::builder().with_trust_store(roots).build();
    let context =
        context.unwrap_or_else(|error| unreachable!("the pinned roots do not parse: {error}"));
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build_https()
}
