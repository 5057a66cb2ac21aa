//! The demo's uploads: files, pipelines and expected outcomes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jobs::pipeline::{Pipeline, Pipelines};

use crate::repo;
use crate::watch::{ExpectedOutcome, PlannedUpload, find_pdfs, printable};

/// The tenant of all documents.
pub(super) const TENANT: &str = "acme";

/// The documents of `samples/`.
pub(super) fn samples(pipelines: &Pipelines) -> Result<Vec<PlannedUpload>> {
    let planned = |path: &Path, pipeline: &str, expected| {
        let pipeline = pipelines
            .get(pipeline)
            .with_context(|| format!("there is no pipeline {pipeline}"))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        planned_upload(path, &name, pipeline, expected)
    };
    let mut all = Vec::new();
    for path in find_pdfs(&repo::file("samples/contracts"))? {
        all.push(planned(&path, "legal-review", ExpectedOutcome::Ready)?);
    }
    for path in find_pdfs(&repo::file("samples/batches"))? {
        all.push(planned(&path, "ocr-batch", ExpectedOutcome::Ready)?);
    }
    let document = repo::file("samples/contracts/consulting-agreement.pdf");
    all.push(planned(
        &document,
        "doc-understanding",
        ExpectedOutcome::Ready,
    )?);
    for path in find_pdfs(&repo::file("samples/bad"))? {
        all.push(planned(&path, "legal-review", ExpectedOutcome::Rejected)?);
    }
    Ok(all)
}

/// The user's files. Of a folder, all PDFs in it and its subfolders.
pub(super) fn user_files(paths: &[PathBuf], pipelines: &Pipelines) -> Result<Vec<PlannedUpload>> {
    let mut all = Vec::new();
    for path in paths {
        let metadata =
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if !metadata.is_dir() {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            all.push(planned_upload(
                path,
                &name,
                pipeline_for_size(pipelines, metadata.len())?,
                ExpectedOutcome::Any,
            )?);
            continue;
        }
        let found = find_pdfs(path)?;
        if found.is_empty() {
            bail!("there are no PDFs in {}", path.display());
        }
        for file in found {
            let name = file
                .strip_prefix(path)
                .unwrap_or(&file)
                .to_string_lossy()
                .into_owned();
            let bytes = std::fs::metadata(&file)?.len();
            all.push(planned_upload(
                &file,
                &name,
                pipeline_for_size(pipelines, bytes)?,
                ExpectedOutcome::Any,
            )?);
        }
    }
    let mut keys: Vec<&str> = all.iter().map(|upload| upload.key.as_str()).collect();
    keys.sort_unstable();
    if let Some(duplicate) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!(
            "two files would be uploaded with the same key {}; pass their folder instead",
            printable(duplicate[0])
        );
    }
    Ok(all)
}

fn planned_upload(
    path: &Path,
    name: &str,
    pipeline: &Pipeline,
    expected: ExpectedOutcome,
) -> Result<PlannedUpload> {
    let bytes = std::fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .len();
    Ok(PlannedUpload {
        path: path.to_path_buf(),
        name: printable(name),
        key: format!("{}{TENANT}/{name}", pipeline.prefix),
        pipeline: pipeline.name.clone(),
        bytes,
        expected,
    })
}

/// `legal-review`, or `ocr-batch` for documents that are too large for it.
fn pipeline_for_size(pipelines: &Pipelines, bytes: u64) -> Result<&Pipeline> {
    let review = pipelines
        .get("legal-review")
        .context("there is no pipeline legal-review")?;
    if bytes <= review.max_bytes {
        return Ok(review);
    }
    pipelines
        .get("ocr-batch")
        .context("there is no pipeline ocr-batch")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipelines() -> Pipelines {
        Pipelines::parse(include_str!("../../../../infra/pipelines.toml")).unwrap()
    }

    #[test]
    fn samples_cover_every_pipeline_and_both_outcomes() {
        let all = samples(&pipelines()).unwrap();
        for pipeline in pipelines().iter() {
            assert!(
                all.iter()
                    .any(|upload| upload.key.starts_with(&pipeline.prefix)),
                "{}",
                pipeline.name
            );
        }
        assert!(
            all.iter()
                .any(|upload| upload.expected == ExpectedOutcome::Ready)
        );
        assert!(
            all.iter()
                .any(|upload| upload.expected == ExpectedOutcome::Rejected)
        );
        let keys: std::collections::BTreeSet<&str> =
            all.iter().map(|upload| upload.key.as_str()).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn folders_are_searched_for_pdfs_and_files_are_uploaded_as_they_are() {
        let all = user_files(&[repo::file("samples")], &pipelines()).unwrap();
        assert!(
            all.iter()
                .any(|upload| upload.key == "inbound/acme/bad/empty.pdf")
        );
        let one = user_files(&[repo::file("Cargo.toml")], &pipelines()).unwrap();
        assert_eq!(one[0].key, "inbound/acme/Cargo.toml");
        assert!(user_files(&[repo::file("no such file")], &pipelines()).is_err());
        assert!(user_files(&[repo::file("infra")], &pipelines()).is_err());
        let twice = [repo::file("Cargo.toml"), repo::file("Cargo.toml")];
        assert!(user_files(&twice, &pipelines()).is_err());
    }
}
