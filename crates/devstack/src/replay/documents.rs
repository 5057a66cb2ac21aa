//! The documents of a live replay: copies of the samples, each with its own bytes, and the model time of each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::plan::LivePlan;
use crate::repo;
use crate::ticket::hex;
use crate::watch::{ExpectedOutcome, PlannedUpload, find_pdfs};

/// The files of a live replay.
pub(super) struct LiveDocuments {
    /// In the order of the uploads.
    pub(super) plans: Vec<PlannedUpload>,
    pub(super) tenants: Vec<String>,
    /// The file that tells the reference model how long to take for each document.
    pub(super) model_times: PathBuf,
}

/// Writes one PDF for each upload and the model times into a folder.
pub(super) fn write(folder: &Path, plan: &LivePlan) -> Result<LiveDocuments> {
    let samples: Vec<(String, Vec<u8>)> = find_pdfs(&repo::file(&plan.samples))?
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let bytes = std::fs::read(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            Ok((name.into_owned(), bytes))
        })
        .collect::<Result<_>>()?;
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
    };
    let mut model_times = BTreeMap::new();
    let mut tenants = BTreeSet::new();
    let mut plans = Vec::new();
    for (number, (upload, (sample, bytes))) in
        (1..).zip(plan.uploads.iter().zip(samples.iter().cycle()))
    {
        let bytes = copy(bytes, number);
        model_times.insert(
            hex(&Sha256::digest(&bytes)),
            plan.real(upload.model_ms).as_millis(),
        );
        let path = folder.join(format!("{number}.pdf"));
        write(&path, &bytes)?;
        // <prefix>/<tenant>/<name>.pdf
        let mut key = upload.key.rsplit('/');
        let (name, tenant) = (key.next().unwrap_or_default(), key.next());
        let tenant = tenant.context("a key without a tenant")?;
        tenants.insert(tenant.to_owned());
        plans.push(PlannedUpload {
            name: format!("{tenant}/{name} ({sample})"),
            path,
            key: upload.key.clone(),
            pipeline: plan.pipeline.clone(),
            bytes: bytes.len() as u64,
            expected: ExpectedOutcome::Ready,
        });
    }
    let file = folder.join("model-times.json");
    write(&file, &serde_json::to_vec(&model_times)?)?;
    Ok(LiveDocuments {
        plans,
        tenants: tenants.into_iter().collect(),
        model_times: file,
    })
}

/// The same document with other bytes: a comment after its end, which PDF readers ignore.
fn copy(pdf: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = pdf.to_vec();
    bytes.extend_from_slice(format!("\n% copy {number}\n").as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::plan::LiveUpload;
    use super::super::plan::tests::plan;
    use super::*;
    use crate::run_dir::RunDir;

    #[test]
    fn each_upload_gets_a_distinct_document_with_its_model_time() {
        let dir = RunDir::create_unique("documents").unwrap();
        let upload = |number: u64| LiveUpload {
            burst: 1,
            after_ms: number,
            key: format!(
                "inbound/{}/{number}.pdf",
                ["acme", "globex"][number as usize % 2]
            ),
            model_ms: 30_000 + 1_000 * number,
        };
        let plan = LivePlan {
            uploads: (1..=20).map(upload).collect(),
            ..plan()
        };
        let written = write(dir.path(), &plan).unwrap();
        assert_eq!(written.tenants, ["acme", "globex"]);
        let model_times: BTreeMap<String, u64> =
            serde_json::from_slice(&std::fs::read(&written.model_times).unwrap()).unwrap();
        assert_eq!(model_times.len(), 20, "two documents are the same");
        for (document, upload) in written.plans.iter().zip(&plan.uploads) {
            let bytes = std::fs::read(&document.path).unwrap();
            assert_eq!(document.bytes, bytes.len() as u64);
            assert_eq!(document.key, upload.key);
            let model_time = Duration::from_millis(model_times[&hex(&Sha256::digest(&bytes))]);
            assert_eq!(
                model_time.as_millis(),
                plan.real(upload.model_ms).as_millis()
            );
        }
        dir.remove();
    }
}
