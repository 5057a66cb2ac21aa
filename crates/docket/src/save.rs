//! Results: fetched whole, saved under a name that leads nowhere else, and never over a file that is there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use api::types::ResultView;
use http_body_util::BodyExt;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::Context;
use crate::api::{pause, segment};
use crate::exit::{Exit, Failure, Outcome};
use crate::http::{signed, whole};
use crate::print::{harmless, size};

/// How often a result is fetched at most; each time with an address signed anew.
const FETCHES: u32 = 4;
/// A transfer that stands still for so long has broken.
const STILL: Duration = Duration::from_secs(60);
/// The longest name of a file, in bytes: most file systems take 255.
const MAX_NAME: usize = 240;

pub(crate) async fn result(
    context: &Context,
    id: &str,
    output: Option<PathBuf>,
    force: bool,
) -> Outcome<Exit> {
    let view = view(context, id).await?;
    let print = &context.print;
    if print.json {
        print.document(&view)?;
    }
    let path = match output {
        Some(path) if path == Path::new("-") => {
            if print.json {
                return Err(Failure::usage(
                    "standard output holds the JSON; name a file",
                ));
            }
            let unfinished = Unfinished::beside(&std::env::temp_dir().join("result"));
            fetch(context, id, &unfinished.0).await?;
            let bytes = tokio::fs::read(&unfinished.0)
                .await
                .map_err(|error| Failure::here(format!("cannot read the result: {error}")))?;
            print.bytes(&bytes)?;
            return Ok(Exit::Done);
        }
        Some(path) => path,
        None if print.json => return Ok(Exit::Done),
        None => PathBuf::from(safe_name(&view.name)),
    };
    let bytes = save(context, id, &path, force).await?;
    if !print.json {
        print.line(&format!(
            "{}  {}",
            harmless(&path.to_string_lossy()),
            size(bytes)
        ))?;
    }
    Ok(Exit::Done)
}

/// Asks where the result is.
pub(crate) async fn view(context: &Context, id: &str) -> Outcome<ResultView> {
    context
        .api
        .get(&format!("/jobs/{}/result", segment(id)))
        .await
}

/// Fetches a result into a file, and says how large it is.
pub(crate) async fn save(context: &Context, id: &str, path: &Path, force: bool) -> Outcome<u64> {
    let exists = || {
        Failure::local(
            Exit::Failed,
            "exists",
            format!("{} is there already", path.display()),
        )
        .hint("--force overwrites it")
    };
    if !force && path.exists() {
        return Err(exists());
    }
    let unfinished = Unfinished::beside(path);
    let bytes = fetch(context, id, &unfinished.0).await?;
    if !force {
        // Takes the name, or finds that somebody has taken it since; then the whole file takes its place.
        let taken = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path);
        taken.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => exists(),
            _ => unwritable(path, &error),
        })?;
    }
    std::fs::rename(&unfinished.0, path).map_err(|error| unwritable(path, &error))?;
    Ok(bytes)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::here(format!("cannot write {}: {error}", path.display()))
}

/// A file that is not whole yet. What is left of it is removed, whatever happens.
struct Unfinished(PathBuf);

impl Unfinished {
    fn beside(path: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(path.with_file_name(format!(".docket-{}-{number}.part", std::process::id())))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

async fn fetch(context: &Context, id: &str, path: &Path) -> Outcome<u64> {
    let mut fetched = 0;
    loop {
        fetched += 1;
        let view = view(context, id).await?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .await
            .map_err(|error| unwritable(path, &error))?;
        match receive(context, &view, &mut file).await {
            Ok(()) => {
                file.sync_all()
                    .await
                    .map_err(|error| unwritable(path, &error))?;
                return Ok(view.bytes);
            }
            Err(Broken::Here(failure)) => return Err(failure),
            Err(Broken::OnTheWay(why)) if fetched == FETCHES => {
                return Err(Failure::local(
                    Exit::Unavailable,
                    "unreachable",
                    format!("cannot fetch the result: {why} (tried {fetched} times)"),
                ));
            }
            Err(Broken::OnTheWay(_)) => tokio::time::sleep(pause(fetched, None)).await,
        }
    }
}

enum Broken {
    /// Another try may help.
    OnTheWay(String),
    /// It would not.
    Here(Failure),
}

async fn receive(context: &Context, view: &ResultView, file: &mut File) -> Result<(), Broken> {
    let request = signed(&view.request, whole("")).map_err(Broken::OnTheWay)?;
    let answer = context
        .api
        .http
        .send(request)
        .await
        .map_err(|no| Broken::OnTheWay(format!("{}: {}", no.address, no.why)))?;
    if !answer.status().is_success() {
        return Err(Broken::OnTheWay(format!("S3 answered {}", answer.status())));
    }
    let mut body = answer.into_body();
    let mut bytes = 0;
    loop {
        let frame = tokio::time::timeout(STILL, body.frame())
            .await
            .map_err(|_| Broken::OnTheWay("nothing came for a minute".to_owned()))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| Broken::OnTheWay(format!("it broke off: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        bytes += data.len() as u64;
        file.write_all(&data)
            .await
            .map_err(|error| Broken::Here(Failure::here(format!("cannot write: {error}"))))?;
    }
    if bytes != view.bytes {
        return Err(Broken::OnTheWay(format!(
            "{bytes} bytes came instead of {}",
            view.bytes
        )));
    }
    Ok(())
}

/// A name for a file in one folder, made from a name that somebody chose.
pub(crate) fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = harmless(last)
        .chars()
        .map(|c| if c == '\\' || c == ':' { '_' } else { c })
        .collect();
    // No hidden file, no `..`, and nothing that a command would take for an option.
    let clean = clean.trim().trim_start_matches(['.', '-']);
    if clean.is_empty() {
        return "result".to_owned();
    }
    // The end has the extension.
    let cut = clean.len().saturating_sub(MAX_NAME);
    let cut = (cut..=clean.len())
        .find(|at| clean.is_char_boundary(*at))
        .unwrap_or(0);
    clean[cut..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
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
    fn long_names_keep_their_extension() {
        let name = safe_name(&format!("{}.json", "合".repeat(200)));
        assert!(name.len() <= MAX_NAME);
        assert!(name.ends_with("合.json"));
    }
}
