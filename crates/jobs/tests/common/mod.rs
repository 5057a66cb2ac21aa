//! What the tests of use cases share.

use jobs::apply::RunContext;
use jobs::id::Timestamp;
use jobs::model_version::ServedModels;
use jobs::pipeline::Pipelines;

pub(crate) const BUCKET: &str = "docket-jobs";
pub(crate) const TOML: &str = include_str!("../../../../infra/pipelines.toml");

/// Does work in an invocation of a function that began at `now`, with the pipelines of a file.
pub(crate) fn in_run<T>(
    toml: &str,
    now: Timestamp,
    work: impl AsyncFnOnce(&RunContext<'_>) -> T,
) -> T {
    let pipelines = Pipelines::parse(toml).unwrap();
    let run = RunContext {
        pipelines: &pipelines,
        bucket: BUCKET,
        lease_expires_at: Timestamp(now.0 + 65_000),
        on_job_found: |_| {},
        models: &ServedModels::default(),
    };
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work(&run))
}
