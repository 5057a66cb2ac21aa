//! Checks the files to upload and chooses their pipeline, tenant and media type. Sends nothing.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use api::types::{CallerView, PipelineView};

use crate::config;
use crate::error::{CliError, Result};
use crate::print::byte_size;

/// A file that exists and is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalFile {
    /// As on the command line.
    pub(super) path: PathBuf,
    /// The canonical path, which identifies the file.
    pub(super) canonical: PathBuf,
    pub(super) bytes: u64,
    /// Time of the last change, in milliseconds since 1970 UTC.
    pub(super) modified: u64,
}

/// A file to upload to a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UploadFile {
    pub(super) path: PathBuf,
    pub(super) canonical: PathBuf,
    /// The name that the service stores.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) modified: u64,
    pub(super) content_type: String,
}

impl UploadFile {
    /// Fails if the file has changed since the command started: its parts would then come from two versions.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let now = local_file(&self.path)?;
        if (now.bytes, now.modified) == (self.bytes, self.modified) {
            return Ok(());
        }
        Err(CliError::local("the file changed while it was uploaded")
            .with_hint("run the command again to upload the changed file"))
    }
}

/// Checks the files. A file that is named twice is uploaded once.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<LocalFile>> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for path in paths {
        let file = local_file(path)?;
        if seen.insert(file.canonical.clone()) {
            out.push(file);
        }
    }
    Ok(out)
}

fn local_file(path: &Path) -> Result<LocalFile> {
    let unreadable =
        |error: std::io::Error| CliError::usage(format!("cannot read {}: {error}", path.display()));
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(CliError::usage(format!("{} is not a file", path.display())));
    }
    if metadata.len() == 0 {
        return Err(CliError::usage(format!("{} is empty", path.display())));
    }
    Ok(LocalFile {
        path: path.to_owned(),
        canonical: path.canonicalize().map_err(unreadable)?,
        bytes: metadata.len(),
        modified: metadata
            .modified()
            .map(config::millis)
            .map_err(unreadable)?,
    })
}

/// The pipeline with the given name, or the only one.
pub(super) fn choose_pipeline<'a>(
    all: &'a [PipelineView],
    named: Option<&str>,
) -> Result<&'a PipelineView> {
    let names: Vec<&str> = all.iter().map(|pipeline| pipeline.name.as_str()).collect();
    match (named, all) {
        (Some(named), _) => all
            .iter()
            .find(|pipeline| pipeline.name == named)
            .ok_or_else(|| {
                CliError::usage(format!("there is no pipeline named {named}"))
                    .with_hint(format!("use --pipeline with one of: {}", names.join(", ")))
            }),
        (None, [only]) => Ok(only),
        (None, []) => Err(CliError::local("this service has no pipelines")),
        (None, _) => Err(
            CliError::usage("several pipelines are available; choose one")
                .with_hint(format!("use --pipeline with one of: {}", names.join(", "))),
        ),
    }
}

/// The tenant to name in the request. `None` leaves the choice to the service, which knows the user's only tenant.
pub(super) fn choose_tenant(me: &CallerView, named: Option<&str>) -> Result<Option<String>> {
    match (named, me.tenants.as_slice()) {
        (Some(named), _) => Ok(Some(named.to_owned())),
        (None, [_]) => Ok(None),
        (None, []) if me.roles.iter().any(|role| role == "support") => Err(CliError::usage(
            "support can upload for every tenant; choose one",
        )
        .with_hint("use --tenant")),
        (None, []) => Ok(None),
        (None, several) => Err(CliError::usage("you have several tenants; choose one")
            .with_hint(format!("use --tenant with one of: {}", several.join(", ")))),
    }
}

/// Checks size and media type of a file against its pipeline, so that a file that the service would refuse is never sent.
pub(super) fn prepare(
    file: LocalFile,
    pipeline: &PipelineView,
    named: Option<&str>,
) -> Result<UploadFile> {
    let shown = file.path.display();
    if file.bytes > pipeline.max_bytes {
        return Err(CliError::local(format!(
            "{shown} is too large: it has {}, and {} accepts up to {}",
            byte_size(file.bytes),
            pipeline.name,
            byte_size(pipeline.max_bytes)
        )));
    }
    let accepted = pipeline.content_types.join(" or ");
    let content_type = match named
        .or_else(|| type_by_extension(&file.path))
        .or_else(|| type_by_content(&file.path))
    {
        Some(kind)
            if pipeline
                .content_types
                .iter()
                .any(|accepted| accepted == kind) =>
        {
            kind.to_owned()
        }
        Some(kind) => {
            return Err(CliError::local(format!(
                "{shown} has the media type {kind}, but {} accepts {accepted}",
                pipeline.name
            ))
            .with_hint("use --type if the media type is wrong"));
        }
        None => {
            return Err(
                CliError::local(format!("cannot detect the media type of {shown}"))
                    .with_hint(format!("use --type; {} accepts {accepted}", pipeline.name)),
            );
        }
    };
    let name = file
        .canonical
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(UploadFile {
        name,
        path: file.path,
        canonical: file.canonical,
        bytes: file.bytes,
        modified: file.modified,
        content_type,
    })
}

fn type_by_extension(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "pdf" => "application/pdf",
        "json" => "application/json",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "tif" | "tiff" => "image/tiff",
        "zip" => "application/zip",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => return None,
    })
}

fn type_by_content(path: &Path) -> Option<&'static str> {
    let mut start = [0; 5];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .ok()?;
    start.starts_with(b"%PDF-").then_some("application/pdf")
}

/// The path to save a result to. It never overwrites the result's own document.
pub(super) fn result_path(dir: &Path, name: &str, input: &Path) -> PathBuf {
    let path = dir.join(name);
    let same = match (path.canonicalize(), input.canonicalize()) {
        (Ok(path), Ok(input)) => path == input,
        _ => false,
    };
    if !same {
        return path;
    }
    let stem = Path::new(name)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let name = match Path::new(name).extension() {
        Some(extension) => format!("{stem}.result.{}", extension.to_string_lossy()),
        None => format!("{stem}.result"),
    };
    dir.join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipelines() -> Vec<PipelineView> {
        ["legal-review", "ocr-batch"]
            .map(|name| PipelineView {
                name: name.to_owned(),
                content_types: vec!["application/pdf".to_owned()],
                max_bytes: 1000,
                result_type: "application/json".to_owned(),
                slo_seconds: 60,
                typical_run_seconds: 10,
            })
            .to_vec()
    }

    fn file(path: &str, bytes: u64) -> LocalFile {
        LocalFile {
            path: path.into(),
            canonical: path.into(),
            bytes,
            modified: 1,
        }
    }

    #[test]
    fn pipeline_must_be_named_if_there_are_several() {
        let all = pipelines();
        assert_eq!(
            choose_pipeline(&all, Some("ocr-batch")).unwrap().name,
            "ocr-batch"
        );
        assert_eq!(
            choose_pipeline(&all[..1], None).unwrap().name,
            "legal-review"
        );
        let error = choose_pipeline(&all, None).unwrap_err();
        assert_eq!(error.exit.code(), 2);
        assert!(error.hint.unwrap().contains("legal-review, ocr-batch"));
        assert!(choose_pipeline(&all, Some("ocr")).is_err());
    }

    #[test]
    fn files_that_the_service_would_refuse_are_rejected() {
        let pipeline = &pipelines()[0];
        assert_eq!(
            prepare(file("/x/A.PDF", 1000), pipeline, None)
                .unwrap()
                .content_type,
            "application/pdf"
        );
        assert!(prepare(file("/x/a.pdf", 1001), pipeline, None).is_err());
        assert!(prepare(file("/x/a.png", 10), pipeline, None).is_err());
        assert!(prepare(file("/x/unknown", 10), pipeline, None).is_err());
        assert!(prepare(file("/x/unknown", 10), pipeline, Some("application/pdf")).is_ok());
        assert_eq!(
            prepare(file("/x/a.pdf", 1), pipeline, None).unwrap().name,
            "a.pdf"
        );
    }

    #[test]
    fn result_never_overwrites_its_document_and_duplicate_files_are_uploaded_once() {
        let dir = std::env::temp_dir().join(format!("docket-plan-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let input = dir.join("a.pdf");
        std::fs::write(&input, b"%PDF-").unwrap();
        assert_eq!(result_path(&dir, "a.pdf", &input), dir.join("a.result.pdf"));
        assert_eq!(result_path(&dir, "a.json", &input), dir.join("a.json"));
        let twice = files(&[input.clone(), input]).unwrap();
        assert_eq!(twice.len(), 1);
        assert!(files(&[dir.join("none.pdf")]).is_err());
        assert!(files(std::slice::from_ref(&dir)).is_err());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
