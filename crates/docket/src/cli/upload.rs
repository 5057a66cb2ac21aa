//! Options of `docket upload`.

use std::path::PathBuf;

use clap::Args;
use jobs::lane::Lane;

use super::values::{label, lane, tag};

#[derive(Clone, Debug, Args)]
pub(crate) struct UploadArgs {
    /// Files to upload, and folders of which all files are uploaded, without hidden ones and links to folders
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Upload the other files if some cannot be uploaded; each of these is named, and the exit code is 7
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Pipeline that processes the files; required if there are several
    #[arg(long, short)]
    pub(crate) pipeline: Option<String>,
    /// Tenant that owns the files; required if you have several
    #[arg(long, short)]
    pub(crate) tenant: Option<String>,
    /// Media type of the files [default: detected from name and content]
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) content_type: Option<String>,
    #[command(flatten)]
    pub(crate) labels: LabelArgs,
    /// Process files although the same content was uploaded before
    #[arg(long)]
    pub(crate) run_anyway: bool,
    /// Wait for the results and save them
    #[arg(long, short)]
    pub(crate) wait: bool,
    /// Directory for the results [default: next to each file]
    #[arg(long, value_name = "DIR", requires = "wait")]
    pub(crate) save: Option<PathBuf>,
    /// Overwrite existing results
    #[arg(long, requires = "wait")]
    pub(crate) force: bool,
}

/// What is attached to the uploaded files.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LabelArgs {
    /// Your own id of the document, 1 to 64 characters; `docket jobs find` finds its job by it
    #[arg(long, value_parser = label)]
    pub(crate) reference: Option<String>,
    /// Batch that the files belong to, 1 to 64 characters; `docket jobs list --batch` lists its jobs
    #[arg(long, value_parser = label)]
    pub(crate) batch: Option<String>,
    /// `bulk` for files that can wait: they give way to files of `standard`. Without it, the pipeline decides
    #[arg(long, value_name = "LANE", value_parser = lane)]
    pub(crate) lane: Option<Lane>,
    /// Tag, may be given eight times
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = tag)]
    pub(crate) tags: Vec<(String, String)>,
}
