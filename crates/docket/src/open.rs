//! `docket open`: the page of a job, in the browser.

use std::io::IsTerminal;

use crate::CommandContext;
use crate::account;
use crate::browser;
use crate::cli::OpenArgs;
use crate::error::{CliError, Exit, Result};
use crate::job_detail;
use crate::job_ids::whole_id;
use crate::url::path_segment;

/// Prints the address, and opens it unless that was not asked for or there is no browser.
pub(crate) async fn run(context: &CommandContext, args: OpenArgs) -> Result<Exit> {
    let id = whole_id(context, &args.id).await?;
    // That there is such a job is said here, not by a page in another window.
    job_detail::fetch(context, &id).await?;
    let page = match args.page {
        Some(page) => page,
        None => page_of_service(context).await?,
    };
    let url = format!("{}/jobs/{}", page.trim_end_matches('/'), path_segment(&id));
    let printer = &context.printer;
    if printer.json {
        printer.json_document(&serde_json::json!({ "url": url }))?;
    } else {
        printer.line(&url)?;
    }
    if !args.print && std::io::stdout().is_terminal() && !browser::open(&url) {
        printer.info("no browser was found; open the address yourself");
    }
    Ok(Exit::Success)
}

async fn page_of_service(context: &CommandContext) -> Result<String> {
    let configuration = account::configuration(context).await?;
    configuration.page_url.ok_or_else(|| {
        CliError::usage("the service does not say where its page is")
            .with_hint("use --page URL, or set DOCKET_PAGE")
    })
}
