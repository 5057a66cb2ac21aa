//! `docket jobs result`: one result, several, or those of a batch.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use api::name::fold;
use api::types::JobQuery;
use clap::Args;

use crate::CommandContext;
use crate::batches;
use crate::download::{self, Download, WrittenFile};
use crate::error::{CliError, CombinedExit, Exit, Result};
use crate::job_ids::{all_ids, job_id, whole_ids};
use crate::print::{byte_size, sanitize};

#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(crate) struct ResultArgs {
    /// Ids of the jobs, or their first 8 characters
    #[arg(value_name = "ID", group = "which", value_parser = job_id)]
    ids: Vec<String>,
    /// All ready jobs
    #[arg(long, group = "which", conflicts_with_all = ["ids", "attempt", "show"])]
    ready: bool,
    /// The ready jobs of this batch
    #[arg(long, group = "which", conflicts_with_all = ["ids", "attempt", "show"])]
    batch: Option<String>,
    /// Tenant, with --ready and --batch; required for support
    #[arg(long, conflicts_with = "ids")]
    tenant: Option<String>,
    /// File to save it to, `-` for standard output; for several results, a directory [default: the result's name, in the current directory]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
    /// The result of this attempt, if the job was run again [default: the job's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=20))]
    attempt: Option<u8>,
    /// Print the findings, and everything else in the result, instead of saving it
    #[arg(long, conflicts_with_all = ["output", "force"])]
    show: bool,
}

pub(crate) async fn run(context: &CommandContext, args: ResultArgs) -> Result<Exit> {
    let selects = args.ready || args.batch.is_some();
    let ids = if selects {
        ready_jobs(context, args.batch, args.tenant).await?
    } else {
        whole_ids(context, &args.ids).await?
    };
    if let ([id], false) = (ids.as_slice(), selects) {
        if args.show {
            return download::show(context, id, args.attempt).await;
        }
        let what = Download::Result(args.attempt);
        return download::run(context, id, what, args.output, args.force).await;
    }
    if args.attempt.is_some() {
        return Err(CliError::usage("--attempt can be used with one job only"));
    }
    if args.show {
        for id in &ids {
            download::show(context, id, None).await?;
        }
        return Ok(Exit::Success);
    }
    let dir = args.output.unwrap_or_default();
    if !dir.as_os_str().is_empty() && !dir.is_dir() {
        return Err(CliError::usage(format!(
            "{} is not a directory, and there are {} results",
            dir.display(),
            ids.len()
        )));
    }
    save_all(context, &ids, &dir, args.force).await
}

/// The ids of the ready jobs, of a batch if one is named.
async fn ready_jobs(
    context: &CommandContext,
    batch: Option<String>,
    tenant: Option<String>,
) -> Result<Vec<String>> {
    let query = JobQuery {
        tenant: tenant.clone(),
        batch: batch.clone(),
        status: Some("ready".to_owned()),
        ..JobQuery::default()
    };
    let ids = all_ids(context, query).await?;
    if ids.is_empty() {
        let nothing = match batch {
            Some(name) => {
                // Refused if there is no such batch.
                let batch = batches::fetch(context, &name, tenant).await?;
                format!(
                    "no job of this batch is ready: {}",
                    batches::progress(&batch)
                )
            }
            None => "no job is ready".to_owned(),
        };
        return Err(CliError::new(Exit::NotFound, "not-found", nothing));
    }
    Ok(ids)
}

/// Saves each result. One that cannot be saved does not stop the others.
async fn save_all(
    context: &CommandContext,
    ids: &[String],
    dir: &Path,
    force: bool,
) -> Result<Exit> {
    let printer = &context.printer;
    let mut used = HashSet::new();
    let mut combined = CombinedExit::default();
    for id in ids {
        let saved = async {
            let what = Download::Result(None);
            let view = download::fetch_view(context, id, what).await?;
            let name = download::safe_name(&view.name);
            // Two documents may have the same name; the id tells their results apart. Some file systems ignore case, or how a
            // letter is composed.
            let name = match used.insert(fold(&name)) {
                true => name,
                false => download::safe_name_of_job(id, &name),
            };
            let path = dir.join(name);
            let bytes = download::save(context, id, what, &path, force).await?;
            Ok::<_, CliError>((view, path, bytes))
        };
        match saved.await {
            Ok((view, path, _)) if printer.json => printer.json_line(&WrittenFile {
                about: &view,
                job_id: Some(id),
                path: path.to_string_lossy().into_owned(),
            })?,
            Ok((_, path, bytes)) => printer.line(&format!(
                "{}  {}",
                sanitize(&path.to_string_lossy()),
                byte_size(bytes)
            ))?,
            Err(error) if error.problem.status == 401 => return Err(error),
            Err(error) => {
                combined.record(error.exit);
                printer.error(&error.with_subject(id));
            }
        }
    }
    Ok(combined.exit())
}
