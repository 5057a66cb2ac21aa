//! Which files the demo uploads where, and how their jobs should end.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jobs::pipeline::{Pipeline, Pipelines};

use crate::place;
use crate::watch::{Expect, Plan, pdfs, printable};

/// The tenant whose page is shown.
pub(super) const TENANT: &str = "acme";

/// The documents of `samples/`.
pub(super) fn samples(pipelines: &Pipelines) -> Result<Vec<Plan>> {
    let plan = |path: &Path, pipeline: &str, expect| {
        let pipeline = pipelines
            .get(pipeline)
            .with_context(|| format!("there is no pipeline {pipeline}"))?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        plan(path, &name, pipeline, expect)
    };
    let mut all = Vec::new();
    for path in pdfs(&place::file("samples/contracts"))? {
        all.push(plan(&path, "legal-review", Expect::Ready)?);
    }
    for path in pdfs(&place::file("samples/batches"))? {
        all.push(plan(&path, "ocr-batch", Expect::Ready)?);
    }
    let document = place::file("samples/contracts/consulting-agreement.pdf");
    all.push(plan(&document, "doc-understanding", Expect::Ready)?);
    for path in pdfs(&place::file("samples/bad"))? {
        all.push(plan(&path, "legal-review", Expect::Refused)?);
    }
    Ok(all)
}

/// The user's own files: each path a file, or a folder whose PDFs are taken, also those in folders within it.
pub(super) fn own(paths: &[PathBuf], pipelines: &Pipelines) -> Result<Vec<Plan>> {
    let mut all = Vec::new();
    for path in paths {
        let kind = std::fs::metadata(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        if !kind.is_dir() {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            all.push(plan(
                path,
                &name,
                by_size(pipelines, kind.len())?,
                Expect::Anything,
            )?);
            continue;
        }
        let found = pdfs(path)?;
        if found.is_empty() {
            bail!("there is no PDF in {}", path.display());
        }
        for file in found {
            let name = file
                .strip_prefix(path)
                .unwrap_or(&file)
                .to_string_lossy()
                .into_owned();
            let bytes = std::fs::metadata(&file)?.len();
            all.push(plan(
                &file,
                &name,
                by_size(pipelines, bytes)?,
                Expect::Anything,
            )?);
        }
    }
    let mut keys: Vec<&str> = all.iter().map(|plan| plan.key.as_str()).collect();
    keys.sort_unstable();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!(
            "two files would both be uploaded as {}; name their folder instead",
            printable(twice[0])
        );
    }
    Ok(all)
}

fn plan(path: &Path, name: &str, pipeline: &Pipeline, expect: Expect) -> Result<Plan> {
    let bytes = std::fs::metadata(path)
        .with_context(|| format!("{} cannot be read", path.display()))?
        .len();
    Ok(Plan {
        path: path.to_path_buf(),
        name: printable(name),
        key: format!("{}{TENANT}/{name}", pipeline.prefix),
        pipeline: pipeline.name.clone(),
        bytes,
        expect,
    })
}

/// What a contract review takes is reviewed; what is too large for it goes to the batches.
fn by_size(pipelines: &Pipelines, bytes: u64) -> Result<&Pipeline> {
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
    fn the_samples_cover_every_pipeline_and_both_ends() {
        let all = samples(&pipelines()).unwrap();
        for pipeline in pipelines().iter() {
            assert!(
                all.iter()
                    .any(|plan| plan.key.starts_with(&pipeline.prefix)),
                "{}",
                pipeline.name
            );
        }
        assert!(all.iter().any(|plan| plan.expect == Expect::Ready));
        assert!(all.iter().any(|plan| plan.expect == Expect::Refused));
        let keys: std::collections::BTreeSet<&str> =
            all.iter().map(|plan| plan.key.as_str()).collect();
        assert_eq!(keys.len(), all.len());
    }

    #[test]
    fn a_folder_is_searched_and_a_file_is_taken_as_it_is() {
        let all = own(&[place::file("samples")], &pipelines()).unwrap();
        assert!(
            all.iter()
                .any(|plan| plan.key == "inbound/acme/bad/empty.pdf")
        );
        let one = own(&[place::file("Cargo.toml")], &pipelines()).unwrap();
        assert_eq!(one[0].key, "inbound/acme/Cargo.toml");
        assert!(own(&[place::file("no such file")], &pipelines()).is_err());
        assert!(own(&[place::file("infra")], &pipelines()).is_err());
        let twice = [place::file("Cargo.toml"), place::file("Cargo.toml")];
        assert!(own(&twice, &pipelines()).is_err());
    }
}
