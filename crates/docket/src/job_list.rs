//! `docket jobs list` and `find`.

use api::types::{JobPage, JobQuery};

use crate::CommandContext;
use crate::cli::JobListArgs;
use crate::client::query_string;
use crate::error::{CliError, Exit, Result};
use crate::print::{jobs_table, pluralize, utc_time};
use crate::quarantine;

/// The API returns at most this many jobs per page (`api::types::JobQuery`).
const MAX_PAGE_SIZE: usize = 100;
/// Without `--all`, at most this many pages are requested. A page may be empty: the service examines at most 500 jobs for
/// one page.
const MAX_PAGES: usize = 10;

pub(crate) async fn list(context: &CommandContext, args: JobListArgs) -> Result<Exit> {
    let page = fetch_jobs(context, &args).await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&page)?;
        return Ok(Exit::Success);
    }
    if page.jobs.is_empty() {
        printer.line("no jobs")?;
    } else {
        printer.table(&jobs_table(printer, &page.jobs))?;
    }
    if page.cursor.is_some() {
        let searched = page.searched_back_to.map_or_else(String::new, |at| {
            format!(", searched back to {}", utc_time(at))
        });
        printer.info(&format!(
            "{} shown{searched}; there may be more: use --all, --limit or more filters",
            pluralize(page.jobs.len() as u64, "job", "jobs")
        ));
    }
    Ok(Exit::Success)
}

/// Fetches page after page until there are enough jobs.
async fn fetch_jobs(context: &CommandContext, args: &JobListArgs) -> Result<JobPage> {
    let max = args.paging.max_items();
    let mut all = JobPage {
        cursor: args.paging.cursor.clone(),
        ..JobPage::default()
    };
    for requested in 1.. {
        let missing = max - all.jobs.len();
        let filters = JobQuery {
            tenant: args.tenant.clone(),
            status: args.status.clone(),
            pipeline: args.pipeline.clone(),
            cause: args.cause.clone(),
            since: args.since,
            reference: args.reference.clone(),
            batch: args.batch.clone(),
            q: args.name.clone(),
            find: None,
            limit: u16::try_from(missing.min(MAX_PAGE_SIZE)).ok(),
            cursor: all.cursor.take(),
        };
        let page: JobPage = context
            .client
            .get(&format!("/jobs{}", query_string(&filters)))
            .await?;
        all.jobs.extend(page.jobs);
        all.cursor = page.cursor;
        all.searched_back_to = page.searched_back_to.or(all.searched_back_to);
        let enough = all.jobs.len() >= max || (!args.paging.all && requested >= MAX_PAGES);
        if all.cursor.is_none() || enough {
            break;
        }
    }
    Ok(all)
}

pub(crate) async fn find(
    context: &CommandContext,
    id: String,
    tenant: Option<String>,
) -> Result<Exit> {
    let names_tenant = tenant.is_some();
    let filters = JobQuery {
        tenant,
        find: Some(id.clone()),
        ..JobQuery::default()
    };
    let page: JobPage = context
        .client
        .get(&format!("/jobs{}", query_string(&filters)))
        .await?;
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&page)?;
    } else {
        if !page.jobs.is_empty() {
            printer.table(&jobs_table(printer, &page.jobs))?;
        }
        if !page.quarantine.is_empty() {
            printer.table(&quarantine::table(printer, &page.quarantine))?;
        }
    }
    if page.jobs.is_empty() && page.quarantine.is_empty() {
        let hint = if names_tenant {
            "to search by file name, use `docket jobs list --name PREFIX`"
        } else {
            "to search by file name, use `docket jobs list --name PREFIX`; support finds a reference with --tenant"
        };
        return Err(CliError::new(
            Exit::NotFound,
            "not-found",
            format!("no job or message found for {id}"),
        )
        .with_hint(hint));
    }
    Ok(Exit::Success)
}
