//! `docket jobs result` and `docket jobs document`: download what belongs to a job. A file is written to a temporary file
//! first, its name cannot point to another directory, and an existing file is overwritten only with `--force`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use api::types::ResultView;
use http_body_util::BodyExt;
use serde::Serialize;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::CommandContext;
use crate::client::retry_delay;
use crate::error::{CliError, Exit, Result};
use crate::http_client::{full_body, signed_request};
use crate::print::{byte_size, sanitize};
use crate::result_check;
use crate::url::path_segment;

/// Larger results are saved, not shown.
const MAX_SHOWN_BYTES: u64 = 10_000_000;
/// A download is attempted at most this often, each time with a newly signed URL.
const MAX_DOWNLOAD_ATTEMPTS: u32 = 4;
/// A download without any data for this long has failed.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Most file systems allow file names of 255 bytes.
const MAX_NAME_BYTES: usize = 240;

/// What is downloaded of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Download {
    Document,
    /// Of an attempt, or of the job.
    Result(Option<u8>),
}

impl Download {
    /// The last segment of the route.
    const fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Result(_) => "result",
        }
    }

    /// The query of the route.
    fn query(self) -> String {
        match self {
            Self::Result(Some(attempt)) => format!("?attempt={attempt}"),
            Self::Result(None) | Self::Document => String::new(),
        }
    }
}

/// Prints a result for people and saves nothing.
pub(crate) async fn show(context: &CommandContext, id: &str, attempt: Option<u8>) -> Result<Exit> {
    if context.printer.json {
        return Err(CliError::usage("--json and --show exclude each other"));
    }
    let view = fetch_view(context, id, Download::Result(attempt)).await?;
    if !is_json(&view) {
        return Err(CliError::usage(format!(
            "the result is {}, which cannot be shown here",
            sanitize(&view.content_type)
        ))
        .with_hint("save it: leave out --show"));
    }
    if view.bytes > MAX_SHOWN_BYTES {
        return Err(CliError::usage(format!(
            "the result has {}; at most {} are shown",
            byte_size(view.bytes),
            byte_size(MAX_SHOWN_BYTES)
        ))
        .with_hint("save it: leave out --show"));
    }
    let (bytes, _) = download(context, id, Download::Result(attempt), async || {
        Ok(Vec::new())
    })
    .await?;
    result_check::show(&context.printer, &bytes, &view.paths)?;
    Ok(Exit::Success)
}

fn is_json(view: &ResultView) -> bool {
    view.content_type.starts_with("application/json")
}

pub(crate) async fn run(
    context: &CommandContext,
    id: &str,
    what: Download,
    output: Option<PathBuf>,
    force: bool,
) -> Result<Exit> {
    let view = fetch_view(context, id, what).await?;
    let printer = &context.printer;
    let path = match output {
        Some(path) if path == Path::new("-") => {
            if printer.json {
                return Err(CliError::usage(
                    "--json and --output - both need standard output; name a file instead",
                ));
            }
            // Only a complete result is printed. It stays in memory: others could read a file.
            let (bytes, _) = download(context, id, what, async || Ok(Vec::new())).await?;
            printer.bytes(&bytes)?;
            return Ok(Exit::Success);
        }
        Some(path) => path,
        None if printer.json => {
            printer.json_document(&view)?;
            return Ok(Exit::Success);
        }
        None => PathBuf::from(safe_name(&view.name)),
    };
    let bytes = save(context, id, what, &path, force).await?;
    if printer.json {
        printer.json_document(&WrittenFile {
            about: &view,
            job_id: Some(id),
            path: path.to_string_lossy().into_owned(),
        })?;
    } else {
        printer.line(&format!(
            "{}  {}",
            sanitize(&path.to_string_lossy()),
            byte_size(bytes)
        ))?;
    }
    Ok(Exit::Success)
}

/// Requests the name of a file and a signed URL for it. A document is described like a result without paths.
pub(crate) async fn fetch_view(
    context: &CommandContext,
    id: &str,
    what: Download,
) -> Result<ResultView> {
    let path = format!("/jobs/{}/{}{}", path_segment(id), what.name(), what.query());
    context.client.get(&path).await
}

/// Downloads a result or a document into a file and returns its size in bytes.
pub(crate) async fn save(
    context: &CommandContext,
    id: &str,
    what: Download,
    path: &Path,
    force: bool,
) -> Result<u64> {
    let exists = || {
        CliError::new(
            Exit::Failed,
            "exists",
            format!("{} already exists", path.display()),
        )
        .with_hint("use --force to overwrite it")
    };
    if !force && path.exists() {
        return Err(exists());
    }
    // The download replaces what is there: a device would be gone.
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(CliError::new(
            Exit::Failed,
            "exists",
            format!("{} is not a regular file", path.display()),
        )
        .with_hint("give the name of a file, or - for standard output"));
    }
    let temporary = TemporaryFile::next_to(path);
    let (file, view) = download(context, id, what, async || {
        temporary
            .create()
            .await
            .map_err(|error| write_error(path, &error))
    })
    .await?;
    file.sync_all()
        .await
        .map_err(|error| write_error(path, &error))?;
    if !force {
        // Creates the file, or fails if it has been created since. The rename below then replaces it.
        let created = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path);
        created.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => exists(),
            _ => write_error(path, &error),
        })?;
    }
    std::fs::rename(&temporary.0, path).map_err(|error| write_error(path, &error))?;
    if what != Download::Document
        && is_json(&view)
        && let Some(problem) = result_check::json_problem(path)
    {
        context.printer.info(&format!(
            "the model says that {} is JSON, but it is not: {}; it is saved as it came",
            sanitize(&path.to_string_lossy()),
            sanitize(&problem)
        ));
    }
    Ok(view.bytes)
}

fn write_error(path: &Path, error: &std::io::Error) -> CliError {
    CliError::local(format!("cannot write {}: {error}", path.display()))
}

/// A file for an incomplete download. It is deleted when dropped, unless it was renamed.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn next_to(path: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(path.with_file_name(format!(".docket-{}-{number}.part", std::process::id())))
    }

    /// Creates the file anew. It never writes through a link or into a file of another user.
    async fn create(&self) -> std::io::Result<File> {
        match tokio::fs::remove_file(&self.0).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.0)
            .await
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Downloads, with a new writer for each attempt. Returns the writer and what was downloaded.
async fn download<W: AsyncWrite + Unpin>(
    context: &CommandContext,
    id: &str,
    what: Download,
    writer: impl AsyncFn() -> Result<W>,
) -> Result<(W, ResultView)> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let view = fetch_view(context, id, what).await?;
        let mut out = writer().await?;
        match receive(context, &view, &mut out).await {
            Ok(()) => return Ok((out, view)),
            Err(ReceiveError::Local(error)) => return Err(error),
            Err(ReceiveError::Transfer(reason)) if attempts == MAX_DOWNLOAD_ATTEMPTS => {
                return Err(CliError::new(
                    Exit::Unavailable,
                    "unreachable",
                    format!(
                        "cannot download the {}: {reason} (tried {attempts} times)",
                        what.name()
                    ),
                ));
            }
            Err(ReceiveError::Transfer(_)) => tokio::time::sleep(retry_delay(attempts, None)).await,
        }
    }
}

enum ReceiveError {
    /// The transfer failed. Another attempt may succeed.
    Transfer(String),
    /// Something on this machine failed. Another attempt would fail as well.
    Local(CliError),
}

async fn receive<W: AsyncWrite + Unpin>(
    context: &CommandContext,
    view: &ResultView,
    out: &mut W,
) -> Result<(), ReceiveError> {
    let request = signed_request(&view.request, full_body("")).map_err(ReceiveError::Transfer)?;
    let response =
        context.client.http.send(request).await.map_err(|error| {
            ReceiveError::Transfer(format!("{}: {}", error.address, error.message))
        })?;
    if !response.status().is_success() {
        return Err(ReceiveError::Transfer(format!(
            "S3 returned HTTP {}",
            response.status()
        )));
    }
    let mut body = response.into_body();
    let mut bytes = 0;
    loop {
        let frame = tokio::time::timeout(STALL_TIMEOUT, body.frame())
            .await
            .map_err(|_| ReceiveError::Transfer("no data for a minute".to_owned()))?;
        let Some(frame) = frame else { break };
        let frame = frame
            .map_err(|error| ReceiveError::Transfer(format!("the connection was lost: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        bytes += data.len() as u64;
        out.write_all(&data).await.map_err(unwritable)?;
    }
    if bytes != view.bytes {
        return Err(ReceiveError::Transfer(format!(
            "{bytes} bytes arrived instead of {}",
            view.bytes
        )));
    }
    out.flush().await.map_err(unwritable)
}

fn unwritable(error: std::io::Error) -> ReceiveError {
    ReceiveError::Local(CliError::local(format!(
        "cannot write the download: {error}"
    )))
}

/// Turns a name from another user into a safe file name without a directory.
pub(crate) fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = sanitize(last)
        .chars()
        .map(|c| if c == '\\' || c == ':' { '_' } else { c })
        .collect();
    // Exclude hidden files, `..`, and names that look like command line options.
    let clean = clean.trim().trim_start_matches(['.', '-']);
    if clean.is_empty() {
        return "result".to_owned();
    }
    end_of(clean, MAX_NAME_BYTES).to_owned()
}

/// A safe file name that no other job's file has. The id stays whole, however long the name is.
pub(crate) fn safe_name_of_job(id: &str, name: &str) -> String {
    let id = safe_name(id);
    let name = safe_name(name);
    let room = MAX_NAME_BYTES.saturating_sub(id.len() + 1);
    format!("{id} {}", end_of(&name, room))
}

/// The end of a long name, which has the extension.
fn end_of(name: &str, max_bytes: usize) -> &str {
    let cut = name.len().saturating_sub(max_bytes);
    let cut = (cut..=name.len())
        .find(|at| name.is_char_boundary(*at))
        .unwrap_or(0);
    &name[cut..]
}

/// What the service says about a job or a file, for programs, with the file that was written.
#[derive(Serialize)]
pub(crate) struct WrittenFile<'a, T> {
    #[serde(flatten)]
    pub(crate) about: &'a T,
    /// The job, where `about` does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<&'a str>,
    pub(crate) path: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_name_has_no_directory_and_no_special_characters() {
        assert_eq!(safe_name("contract.json"), "contract.json");
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\windows\\x.json"), "x.json");
        assert_eq!(safe_name(".bashrc"), "bashrc");
        assert_eq!(safe_name("--output.json"), "output.json");
        assert_eq!(safe_name(".."), "result");
        assert_eq!(safe_name("a/"), "result");
        assert_eq!(safe_name("a\u{1b}[2J.json"), "a_x1b[2J.json");
        assert_eq!(safe_name("合同.json"), "合同.json");
    }

    #[test]
    fn safe_name_keeps_the_extension_of_a_long_name() {
        let name = safe_name(&format!("{}.json", "合".repeat(200)));
        assert!(name.len() <= MAX_NAME_BYTES);
        assert!(name.ends_with("合.json"));
    }

    #[test]
    fn files_of_two_jobs_have_two_names_however_long_these_are() {
        let (one, other) = (
            "9e70cad0-2ef0-5cc5-a05e-6f9c5a981541",
            "11111111-2ef0-5cc5-a05e-6f9c5a981541",
        );
        for stem in ["Lease".to_owned(), "a".repeat(300), "合".repeat(200)] {
            let name = format!("{stem}.json");
            let names = [one, other].map(|id| safe_name_of_job(id, &name));
            assert_ne!(names[0], names[1]);
            for (id, name) in [one, other].iter().zip(&names) {
                assert!(name.starts_with(id), "{name}");
                assert!(name.ends_with(".json"), "{name}");
                assert!(name.len() <= MAX_NAME_BYTES);
            }
        }
    }
}
