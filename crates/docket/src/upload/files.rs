//! Checks the files to upload and chooses their pipeline, tenant and media type. Sends nothing.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use api::name::fold;
use api::types::{CallerView, PipelineView};
use api::uploads::{MAX_NAME_BYTES, MAX_NAME_CHARS};
use jobs::file_name::has_refused_characters;
use jobs::input::{self, PEEK_BYTES};
use jobs::labels::Labels;
use jobs::lane::Lane;

use crate::account::sees_all_tenants;
use crate::cli::LabelArgs;
use crate::config;
use crate::error::{CliError, Result};
use crate::print::{byte_size, pluralize};

const PDF: &str = "application/pdf";

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
    /// Fails if the file has changed since the command started, or is gone: its parts would then come from two versions.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let now = local_file(&self.path).map_err(|error| {
            let why = error.problem.detail;
            CliError::local(format!(
                "the file was moved, deleted or emptied before it was uploaded: {why}"
            ))
            .with_hint("run the command again when the file is back")
        })?;
        if (now.bytes, now.modified) == (self.bytes, self.modified) {
            return Ok(());
        }
        Err(CliError::local("the file changed while it was uploaded")
            .with_hint("run the command again to upload the changed file"))
    }
}

/// Checks the tags, which the service would refuse.
pub(super) fn check_tags(labels: &LabelArgs) -> Result<()> {
    Labels::new(None, None, &labels.tags, Lane::Standard)
        .map_err(|invalid| CliError::usage(invalid.to_string()))?;
    Ok(())
}

/// The files of a command: those that exist, and what is wrong with the others.
#[derive(Debug, Default)]
pub(super) struct FoundFiles {
    pub(super) files: Vec<LocalFile>,
    pub(super) bad: Vec<CliError>,
    pub(super) left_out: NotUploaded,
}

/// What is left out of folders: hidden ones, whose names begin with a dot, as that of `.DS_Store`, and links to folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NotUploaded {
    hidden_files: u64,
    hidden_folders: u64,
    linked_folders: u64,
}

impl NotUploaded {
    const fn add(&mut self, other: Self) {
        self.hidden_files += other.hidden_files;
        self.hidden_folders += other.hidden_folders;
        self.linked_folders += other.linked_folders;
    }

    /// Such as `2 links to folders, hidden: 2 files, 1 folder`; `None` if there are none.
    pub(super) fn describe(self) -> Option<String> {
        let counted = |count, one, many| (count > 0).then(|| pluralize(count, one, many));
        let links = counted(self.linked_folders, "link to a folder", "links to folders");
        let hidden: Vec<String> = [
            counted(self.hidden_files, "file", "files"),
            counted(self.hidden_folders, "folder", "folders"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let hidden = (!hidden.is_empty()).then(|| format!("hidden: {}", hidden.join(", ")));
        let parts: Vec<String> = [links, hidden].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Finds the files. Folders are searched to any depth. A file that is named twice is uploaded once.
pub(super) fn files(paths: &[PathBuf]) -> FoundFiles {
    let mut seen = HashSet::new();
    let mut found = FoundFiles::default();
    for path in paths {
        let mut left_out = NotUploaded::default();
        let bad_before = found.bad.len();
        let members = if path.is_dir() {
            members(path, &mut left_out, &mut found.bad)
        } else {
            vec![path.clone()]
        };
        if members.is_empty() && found.bad.len() == bad_before {
            let nothing = match left_out.describe() {
                None => format!("{} has no files", path.display()),
                Some(others) => format!("{} has nothing but {others}", path.display()),
            };
            found.bad.push(CliError::usage(nothing));
        }
        for member in members {
            match local_file(&member) {
                Ok(file) if seen.insert(file.canonical.clone()) => found.files.push(file),
                Ok(_) => {}
                Err(error) => found.bad.push(error),
            }
        }
        found.left_out.add(left_out);
    }
    found
}

/// The files in a folder and its subfolders, sorted. Hidden ones, which are those of programs, and links to folders, which may
/// lead back, are only counted. A folder that cannot be read does not keep the others from being searched.
fn members(folder: &Path, left_out: &mut NotUploaded, bad: &mut Vec<CliError>) -> Vec<PathBuf> {
    let unreadable = |error: std::io::Error| {
        CliError::usage(format!("cannot read {}: {error}", folder.display()))
    };
    let mut out = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            bad.push(unreadable(error));
            return out;
        }
    };
    for entry in entries {
        let found = entry.and_then(|entry| Ok((entry.file_type()?.is_dir(), entry)));
        let (is_folder, entry) = match found {
            Ok(found) => found,
            Err(error) => {
                bad.push(unreadable(error));
                continue;
            }
        };
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            left_out.hidden_folders += u64::from(is_folder);
            left_out.hidden_files += u64::from(!is_folder);
        } else if is_folder {
            out.extend(members(&path, left_out, bad));
        } else if path.is_dir() {
            left_out.linked_folders += 1;
        } else {
            out.push(path);
        }
    }
    out.sort();
    out
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
        (None, []) if sees_all_tenants(me) => Err(CliError::usage(
            "you can upload for every tenant; choose one",
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
        .or_else(|| type_by_content(&file.path))
        .or_else(|| type_by_extension(&file.path))
    {
        Some(PDF) if named.is_none() && !is_pdf(&file.path) => {
            return Err(CliError::local(format!(
                "{shown} is not a PDF: there is no %PDF- in its first {PEEK_BYTES} bytes"
            )));
        }
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
    // The name as it was typed: the target of a link may have a meaningless one.
    let name = file
        .path
        .file_name()
        .or_else(|| file.canonical.file_name())
        .map(|name| short_name(&name.to_string_lossy()))
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

/// The name to declare, as the page does it: without characters that the service refuses, and shortened in the middle to keep the
/// extension.
fn short_name(name: &str) -> String {
    let replaced = |c: char| {
        if has_refused_characters(c.encode_utf8(&mut [0; 4])) {
            '_'
        } else {
            c
        }
    };
    let chars: Vec<char> = name.chars().map(replaced).collect();
    let mut half = MAX_NAME_CHARS / 2;
    loop {
        let short: String = if chars.len() <= 2 * half {
            chars.iter().collect()
        } else {
            let end = &chars[chars.len() + 1 - half..];
            chars[..half].iter().chain(&['…']).chain(end).collect()
        };
        if short.len() <= MAX_NAME_BYTES {
            return short;
        }
        half -= 1;
    }
}

fn type_by_extension(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "pdf" => PDF,
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
    is_pdf(path).then_some(PDF)
}

/// Whether the file is a PDF for the service.
fn is_pdf(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(PEEK_BYTES as u64).read_to_end(&mut start));
    read.is_ok() && input::is_pdf(&start)
}

/// The paths to save the results of one command to: each is used once, and none is a document of the command.
#[derive(Debug, Default)]
pub(super) struct SavePaths {
    documents: HashSet<PathBuf>,
    used: HashSet<PathBuf>,
}

impl SavePaths {
    pub(super) fn new(files: &[UploadFile]) -> Self {
        Self {
            documents: files.iter().map(|file| file.canonical.clone()).collect(),
            used: HashSet::new(),
        }
    }

    /// The path for a result with this name: the name itself, or the name with a number.
    pub(super) fn reserve(&mut self, dir: &Path, name: &str) -> PathBuf {
        let is_document = |path: &Path| {
            path.canonicalize()
                .is_ok_and(|path| self.documents.contains(&path))
        };
        let path = dir.join(name);
        let first = if is_document(&path) {
            dir.join(numbered(name, "result"))
        } else {
            path
        };
        let numbers = (2..).map(|number: u64| dir.join(numbered(name, &number.to_string())));
        let free = std::iter::once(first)
            .chain(numbers)
            .find(|path| !is_document(path) && !self.used.contains(&file_identity(path)));
        // The numbers do not end.
        let path = free.unwrap_or_default();
        self.used.insert(file_identity(&path));
        path
    }
}

/// Equal for two paths that may name the same file: some file systems ignore case, or how a letter is composed.
fn file_identity(path: &Path) -> PathBuf {
    let dir = path.parent().unwrap_or_else(|| Path::new(""));
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    dir.join(fold(&name))
}

/// The name that the service gives to the result of a document.
pub(super) fn result_name(document: &str, result_type: &str) -> String {
    let extension = match result_type {
        "application/json" => "json",
        PDF => "pdf",
        _ => "out",
    };
    let end = document.len().checked_sub(4);
    let split = end.and_then(|at| document.split_at_checked(at));
    match split {
        Some((stem, end)) if end.eq_ignore_ascii_case(".pdf") => format!("{stem}.{extension}"),
        Some(_) | None => format!("{document}.{extension}"),
    }
}

/// The name with something before its extension.
fn numbered(name: &str, addition: &str) -> String {
    let stem = Path::new(name).file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy();
    match Path::new(name).extension() {
        Some(extension) => format!("{stem}.{addition}.{}", extension.to_string_lossy()),
        None => format!("{stem}.{addition}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_declared_as_the_service_takes_it() {
        assert_eq!(short_name("Vertrag Müller.pdf"), "Vertrag Müller.pdf");
        assert_eq!(short_name("a\\b\r\nc.pdf"), "a_b__c.pdf");
        let limit = format!("{}.pdf", "x".repeat(MAX_NAME_CHARS - 4));
        assert_eq!(short_name(&limit), limit);
        for char in ["x", "ü", "契", "😀"] {
            let short = short_name(&format!("{}.pdf", char.repeat(251)));
            assert!(short.chars().count() <= MAX_NAME_CHARS && short.len() <= MAX_NAME_BYTES);
            assert!(short.starts_with(char) && short.ends_with(".pdf") && short.contains('…'));
        }
    }

    fn pipelines() -> Vec<PipelineView> {
        ["legal-review", "ocr-batch"]
            .map(|name| PipelineView {
                name: name.to_owned(),
                display_name: None,
                content_types: vec!["application/pdf".to_owned()],
                max_bytes: 1000,
                result_type: "application/json".to_owned(),
                slo_seconds: 60,
                typical_run_seconds: 10,
                customers_may_delete: false,
            })
            .to_vec()
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

    /// A directory that is deleted at the end of the test.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("docket-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&dir).unwrap();
            Self(dir.canonicalize().unwrap())
        }

        fn file(&self, name: &str, content: &[u8]) -> PathBuf {
            let path = self.0.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, content).unwrap();
            path
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn files_that_the_service_would_refuse_are_rejected() {
        let dir = Directory::new("refused");
        let pipeline = &pipelines()[0];
        let prepared = |name: &str, content: &[u8], named: Option<&str>| {
            let path = dir.file(name, content);
            prepare(local_file(&path).unwrap(), pipeline, named)
        };
        assert!(
            prepared(
                "large.pdf",
                &[b"%PDF-", [b' '; 996].as_slice()].concat(),
                None
            )
            .is_err()
        );
        assert!(prepared("a.png", b"\x89PNG", None).is_err());
        assert!(prepared("unknown", b"text", None).is_err());
        assert!(prepared("unknown", b"text", Some("application/pdf")).is_ok());
        let error = prepared("page.pdf", b"<html>", None).unwrap_err();
        assert!(error.problem.detail.contains("not a PDF"), "{error:?}");
        // The first bytes decide, not the name.
        for name in ["a.PDF", "download", "scan.txt", "scan.json"] {
            for content in [b"%PDF-1.7".as_slice(), b"\xef\xbb\xbf\n%PDF-1.4"] {
                let file = prepared(name, content, None).unwrap();
                assert_eq!(file.content_type, "application/pdf");
                assert_eq!(file.name, name);
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_behind_a_link_has_the_name_that_was_typed() {
        let dir = Directory::new("link");
        let target = dir.file("0f3a91", b"%PDF-");
        let link = dir.0.join("contract.pdf");
        std::os::unix::fs::symlink(target, &link).unwrap();
        let file = prepare(local_file(&link).unwrap(), &pipelines()[0], None).unwrap();
        assert_eq!(file.name, "contract.pdf");
    }

    #[test]
    fn results_of_the_same_name_are_saved_in_two_files_and_never_overwrite_a_document() {
        let dir = Directory::new("results");
        let paths = [
            dir.file("a/x.pdf", b"%PDF-"),
            dir.file("b/x.pdf", b"%PDF-"),
            dir.file("a/x.2.pdf", b"%PDF-"),
        ];
        let files =
            paths.map(|path| prepare(local_file(&path).unwrap(), &pipelines()[0], None).unwrap());
        let mut results = SavePaths::new(&files);
        let mut reserve = |name| results.reserve(&dir.0.join("a"), name);
        assert_eq!(reserve("x.json"), dir.0.join("a/x.json"));
        assert_eq!(reserve("x.json"), dir.0.join("a/x.2.json"));
        assert_eq!(reserve("X.json"), dir.0.join("a/X.3.json"));
        assert_eq!(reserve("x.pdf"), dir.0.join("a/x.result.pdf"));
        assert_eq!(reserve("x.pdf"), dir.0.join("a/x.3.pdf"));
    }

    #[test]
    fn folders_are_searched_and_what_cannot_be_uploaded_is_named() {
        let dir = Directory::new("folders");
        for name in ["b.pdf", "a/deep/a.pdf", ".hidden.pdf", ".git/x.pdf"] {
            dir.file(name, b"%PDF-");
        }
        dir.file("a/empty.pdf", b"");
        dir.file("a/deep/.DS_Store", b"x");
        dir.file("only/.DS_Store", b"x");
        std::fs::create_dir(dir.0.join("nothing")).unwrap();
        let found = files(&[dir.0.clone(), dir.0.join("nothing"), dir.0.join("only")]);
        let left_out = found.left_out.describe();
        assert_eq!(left_out.as_deref(), Some("hidden: 4 files, 1 folder"));
        let names: Vec<_> = found.files.iter().map(|file| &file.path).collect();
        assert_eq!(names, [&dir.0.join("a/deep/a.pdf"), &dir.0.join("b.pdf")]);
        let bad: Vec<&str> = found.bad.iter().map(|bad| &*bad.problem.detail).collect();
        assert!(bad[0].contains("empty.pdf is empty"), "{bad:?}");
        assert!(bad[1].ends_with("nothing has no files"), "{bad:?}");
        assert!(
            bad[2].ends_with("only has nothing but hidden: 1 file"),
            "{bad:?}"
        );
    }

    #[test]
    fn duplicate_files_are_uploaded_once() {
        let dir = Directory::new("duplicates");
        let input = dir.file("a.pdf", b"%PDF-");
        let twice = files(&[input.clone(), input, dir.0.clone()]);
        assert_eq!((twice.files.len(), twice.bad.len()), (1, 0));
        assert_eq!(twice.left_out.describe(), None);
        let missing = files(&[dir.0.join("none.pdf")]);
        assert_eq!((missing.files.len(), missing.bad.len()), (0, 1));
    }
}
