//! `docket open`: the page of a job, in the browser.

use std::io::IsTerminal;
use std::process::{Command, Stdio};

use crate::CommandContext;
use crate::account;
use crate::cli::OpenArgs;
use crate::client::path_segment;
use crate::config::variable;
use crate::error::{CliError, Exit, Result};
use crate::job_detail;
use crate::job_ids::whole_id;

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
    if !args.print && std::io::stdout().is_terminal() && !in_browser(&url) {
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

/// Whether this session has a screen on which a browser can open. Over SSH it usually has none.
pub(crate) fn has_display() -> bool {
    let variables = ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER"];
    cfg!(target_os = "macos") || variables.iter().any(|name| variable(name).is_some())
}

/// Whether a program was found that opens the address. What it prints is not shown.
pub(crate) fn in_browser(url: &str) -> bool {
    let programs: &[&[&str]] = if cfg!(target_os = "macos") {
        &[&["open"]]
    } else if cfg!(windows) {
        &[&["rundll32", "url.dll,FileProtocolHandler"]]
    } else {
        &[&["xdg-open"], &["wslview"], &["gio", "open"]]
    };
    programs.iter().any(|program| {
        let [name, arguments @ ..] = program else {
            return false;
        };
        let mut command = Command::new(name);
        command
            .args(arguments)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().is_ok()
    })
}
