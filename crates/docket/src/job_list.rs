//! `docket jobs list` and `find`.

use api::job_list::MAX_PAGE_SIZE;
use api::types::{JobPage, JobQuery};

use crate::CommandContext;
use crate::cli::JobListArgs;
use crate::error::{CliError, Exit, Result};
use crate::print::{jobs_table, pluralize, utc_time};
use crate::quarantine;
use crate::url::query_string;

/// Without `--all`, at most this many pages are requested. A page may be empty: the service examines at most 500 jobs for
/// one page.
const MAX_PAGES: usize = 10;
/// `docket jobs find` stops after this many jobs.
const MAX_FOUND: usize = 200;

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
            uploaded_by: args.uploaded_by.clone(),
            assigned_to: args.assigned_to.clone(),
            reviewed: args.reviewed,
            found: args.found.clone(),
            find: None,
            search: None,
            limit: u16::try_from(missing.min(MAX_PAGE_SIZE.into())).ok(),
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
    text: String,
    tenant: Option<String>,
) -> Result<Exit> {
    let printer = &context.printer;
    let mut filters = JobQuery {
        tenant,
        search: Some(text.clone()),
        ..JobQuery::default()
    };
    let mut page = JobPage::default();
    // Goes on until everything was looked at, or there is more than a person reads.
    loop {
        let next: JobPage = context
            .client
            .get(&format!("/jobs{}", query_string(&filters)))
            .await?;
        page.jobs.extend(next.jobs);
        page.quarantine.extend(next.quarantine);
        (page.cursor, page.searched_back_to) = (next.cursor, next.searched_back_to);
        if page.cursor.is_none() || page.jobs.len() >= MAX_FOUND {
            break;
        }
        filters.cursor.clone_from(&page.cursor);
    }
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
    if let (Some(_), Some(at)) = (&page.cursor, page.searched_back_to) {
        printer.info(&format!(
            "{} shown, searched back to {}; there may be more: search for a longer part, or name the tenant",
            pluralize(page.jobs.len() as u64, "job", "jobs"),
            utc_time(at)
        ));
    }
    if page.jobs.is_empty() && page.quarantine.is_empty() {
        let error = CliError::new(
            Exit::NotFound,
            "not-found",
            format!("no job or message found for {text}"),
        );
        return Err(error.with_hint(command_of(&text).map_or_else(
            || {
                "every job that you may see was looked at; each word must occur in the file's name, its uploader, \
                 reference, batch or tags"
                    .to_owned()
            },
            |command| format!("to see what has this id, run: docket {command} {text}"),
        )));
    }
    Ok(Exit::Success)
}

/// The command that shows what has an id, if it is the id of a retry plan or a webhook.
fn command_of(id: &str) -> Option<&'static str> {
    let is_end = |text: &str| text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if id.strip_prefix('p').is_some_and(is_end) {
        Some("retry-plan show")
    } else if id.split_once('.').is_some_and(|(_, end)| is_end(end)) {
        Some("webhooks show")
    } else {
        None
    }
}
