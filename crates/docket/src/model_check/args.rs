//! The options of `docket model check`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Call a running container as SageMaker does, and show what would become of documents
    ///
    /// Needs neither a sign-in nor the service. Exits with 0 only if no document that is fine would fail or be lost.
    Check(ModelCheckArgs),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ModelCheckArgs {
    /// Base address of the container, such as http://127.0.0.1:8080
    pub(crate) url: String,
    /// Pipeline whose content type, output, limits and attempts apply
    #[arg(long, short, default_value = "legal-review", value_name = "NAME")]
    pub(crate) pipeline: String,
    /// File with the pipelines [default: those that this program was built with]
    #[arg(long, value_name = "FILE")]
    pub(crate) pipelines: Option<PathBuf>,
    /// Document that the model can process [default: a contract of one page]
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Media type of the documents [default: the pipeline's]
    #[arg(long, value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    /// Document whose run takes long, to find timeouts of the server
    #[arg(long, value_name = "FILE")]
    pub(crate) long_input: Option<PathBuf>,
    /// Size of the largest document to send [default: the pipeline's max_bytes, at most 100 MB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_bytes: Option<u64>,
    /// MaxConcurrentInvocationsPerInstance of the endpoint
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) concurrency: u16,
    /// Seconds to wait for the answer to a document [default: the pipeline's invocation_timeout_seconds]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: Option<u64>,
    /// Seconds to wait until the container is ready
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) wait: u64,
    /// Process to stop with SIGTERM at the end: the container's main process
    #[arg(long)]
    pub(crate) pid: Option<u32>,
}
