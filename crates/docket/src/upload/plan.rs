//! What is to be uploaded, and as what. Pure but for a look at the files.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use api::types::{Me, PipelineView};

use crate::config;
use crate::exit::{Failure, Outcome};
use crate::print::size;

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As it was named.
    pub(super) path: PathBuf,
    /// Its full path, for telling files apart.
    pub(super) full: PathBuf,
    pub(super) bytes: u64,
    /// When it was changed last.
    pub(super) modified: u64,
}

/// A file to upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) path: PathBuf,
    pub(super) full: PathBuf,
    /// What it is called at the service.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) modified: u64,
    pub(super) content_type: String,
}

impl Item {
    /// Fails if the file is not what it was when the command began: parts of two versions make no document.
    pub(super) fn check_unchanged(&self) -> Outcome<()> {
        let now = entry(&self.path)?;
        if (now.bytes, now.modified) == (self.bytes, self.modified) {
            return Ok(());
        }
        Err(Failure::here("the file changed while it was sent")
            .hint("run the command again to upload what it is now"))
    }
}

/// Looks at the files; each is taken once.
pub(super) fn files(paths: &[PathBuf]) -> Outcome<Vec<Entry>> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for path in paths {
        let file = entry(path)?;
        if seen.insert(file.full.clone()) {
            out.push(file);
        }
    }
    Ok(out)
}

fn entry(path: &Path) -> Outcome<Entry> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(Failure::usage(format!("{} is no file", path.display())));
    }
    if about.len() == 0 {
        return Err(Failure::usage(format!("{} is empty", path.display())));
    }
    Ok(Entry {
        path: path.to_owned(),
        full: path.canonicalize().map_err(unreadable)?,
        bytes: about.len(),
        modified: about.modified().map(config::millis).map_err(unreadable)?,
    })
}

/// Which pipeline is meant.
pub(super) fn pipeline<'a>(
    all: &'a [PipelineView],
    named: Option<&str>,
) -> Outcome<&'a PipelineView> {
    let names: Vec<&str> = all.iter().map(|pipeline| pipeline.name.as_str()).collect();
    match (named, all) {
        (Some(named), _) => all
            .iter()
            .find(|pipeline| pipeline.name == named)
            .ok_or_else(|| {
                Failure::usage(format!("there is no pipeline {named}"))
                    .hint(format!("say --pipeline with one of {}", names.join(", ")))
            }),
        (None, [only]) => Ok(only),
        (None, []) => Err(Failure::here("there is no pipeline to upload for")),
        (None, _) => Err(Failure::usage("which pipeline?")
            .hint(format!("say --pipeline with one of {}", names.join(", ")))),
    }
}

/// Which tenant is meant; none leaves it to the service, which knows the caller's only one.
pub(super) fn tenant(me: &Me, named: Option<&str>) -> Outcome<Option<String>> {
    match (named, me.tenants.as_slice()) {
        (Some(named), _) => Ok(Some(named.to_owned())),
        (None, [_]) => Ok(None),
        (None, []) if me.roles.iter().any(|role| role == "support") => {
            Err(Failure::usage("for which tenant? Support uploads for all").hint("say --tenant"))
        }
        (None, []) => Ok(None),
        (None, several) => Err(Failure::usage("for which tenant?")
            .hint(format!("say --tenant with one of {}", several.join(", ")))),
    }
}

/// What a file becomes at a pipeline. What the service would refuse is refused before anything is sent.
pub(super) fn item(file: Entry, pipeline: &PipelineView, named: Option<&str>) -> Outcome<Item> {
    let shown = file.path.display();
    if file.bytes > pipeline.max_bytes {
        return Err(Failure::here(format!(
            "{shown} has {}, and {} takes up to {}",
            size(file.bytes),
            pipeline.name,
            size(pipeline.max_bytes)
        )));
    }
    let taken = pipeline.content_types.join(" or ");
    let content_type = match named
        .or_else(|| by_name(&file.path))
        .or_else(|| by_start(&file.path))
    {
        Some(kind) if pipeline.content_types.iter().any(|taken| taken == kind) => kind.to_owned(),
        Some(kind) => {
            return Err(Failure::here(format!(
                "{shown} is {kind}, and {} takes {taken}",
                pipeline.name
            ))
            .hint("say --type if that is not what it is"));
        }
        None => {
            return Err(Failure::here(format!(
                "what is {shown}? Its name and its start do not tell"
            ))
            .hint(format!("say --type; {} takes {taken}", pipeline.name)));
        }
    };
    let name = file
        .full
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    Ok(Item {
        name,
        path: file.path,
        full: file.full,
        bytes: file.bytes,
        modified: file.modified,
        content_type,
    })
}

fn by_name(path: &Path) -> Option<&'static str> {
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

fn by_start(path: &Path) -> Option<&'static str> {
    let mut start = [0; 5];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .ok()?;
    start.starts_with(b"%PDF-").then_some("application/pdf")
}

/// Where a result goes; never over the document that it was made from.
pub(super) fn result_path(folder: &Path, name: &str, input: &Path) -> PathBuf {
    let path = folder.join(name);
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
    folder.join(name)
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

    fn file(path: &str, bytes: u64) -> Entry {
        Entry {
            path: path.into(),
            full: path.into(),
            bytes,
            modified: 1,
        }
    }

    #[test]
    fn a_pipeline_is_named_unless_there_is_one() {
        let all = pipelines();
        assert_eq!(pipeline(&all, Some("ocr-batch")).unwrap().name, "ocr-batch");
        assert_eq!(pipeline(&all[..1], None).unwrap().name, "legal-review");
        let failure = pipeline(&all, None).unwrap_err();
        assert_eq!(failure.exit.code(), 2);
        assert!(failure.hint.unwrap().contains("legal-review, ocr-batch"));
        assert!(pipeline(&all, Some("ocr")).is_err());
    }

    #[test]
    fn what_the_service_would_refuse_is_not_sent() {
        let taker = &pipelines()[0];
        assert_eq!(
            item(file("/x/A.PDF", 1000), taker, None)
                .unwrap()
                .content_type,
            "application/pdf"
        );
        assert!(item(file("/x/a.pdf", 1001), taker, None).is_err());
        assert!(item(file("/x/a.png", 10), taker, None).is_err());
        assert!(item(file("/x/unknown", 10), taker, None).is_err());
        assert!(item(file("/x/unknown", 10), taker, Some("application/pdf")).is_ok());
        assert_eq!(
            item(file("/x/a.pdf", 1), taker, None).unwrap().name,
            "a.pdf"
        );
    }

    #[test]
    fn a_result_never_takes_the_place_of_its_document() {
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
