//! The documents of a live replay: copies of the samples, each with distinct bytes, and the model's time for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jobs::id::hex;
use sha2::{Digest, Sha256};

use super::plan::LivePlan;
use crate::repo;
use crate::watch::{ExpectedOutcome, PlannedUpload, find_pdfs};

/// The files of a live replay.
pub(super) struct LiveDocuments {
    /// In the order of the plan's uploads.
    pub(super) uploads: Vec<PlannedUpload>,
    pub(super) tenants: Vec<String>,
    /// The file from which the reference model reads its minimum duration for each document: SHA-256 of the document to
    /// milliseconds of real time.
    pub(super) model_durations: PathBuf,
}

/// Writes one PDF for each upload, and the file of the model's durations, into a folder.
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
    let mut model_durations = BTreeMap::new();
    let mut tenants = BTreeSet::new();
    let mut uploads = Vec::new();
    for (number, (upload, (sample, bytes))) in
        (1..).zip(plan.uploads.iter().zip(samples.iter().cycle()))
    {
        let bytes = distinct_copy(bytes, number);
        model_durations.insert(
            hex(&Sha256::digest(&bytes)),
            plan.to_real(upload.model_ms).as_millis(),
        );
        let path = folder.join(format!("{number}.pdf"));
        write(&path, &bytes)?;
        // <prefix>/<tenant>/<name>.pdf
        let mut key = upload.key.rsplit('/');
        let (name, tenant) = (key.next().unwrap_or_default(), key.next());
        let tenant = tenant.with_context(|| format!("the key {} has no tenant", upload.key))?;
        tenants.insert(tenant.to_owned());
        uploads.push(PlannedUpload {
            name: format!("{tenant}/{name} ({sample})"),
            path,
            key: upload.key.clone(),
            pipeline: plan.pipeline.clone(),
            bytes: bytes.len() as u64,
            expected: ExpectedOutcome::Ready,
        });
    }
    let file = folder.join("model-durations.json");
    write(&file, &serde_json::to_vec(&model_durations)?)?;
    Ok(LiveDocuments {
        uploads,
        tenants: tenants.into_iter().collect(),
        model_durations: file,
    })
}

/// The same document with different bytes: PDF readers ignore the comment after its end.
fn distinct_copy(pdf: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = pdf.to_vec();
    bytes.extend_from_slice(format!("\n% copy {number}\n").as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::plan::LiveUpload;
    use super::*;
    use crate::run_dir::RunDir;

    #[test]
    fn each_upload_gets_a_distinct_document_and_its_model_duration() {
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
            ..LivePlan::first_burst_of_tuesday()
        };
        let written = write(dir.path(), &plan).unwrap();
        assert_eq!(written.tenants, ["acme", "globex"]);
        let durations: BTreeMap<String, u64> =
            serde_json::from_slice(&std::fs::read(&written.model_durations).unwrap()).unwrap();
        assert_eq!(durations.len(), 20, "two documents have the same bytes");
        for (document, upload) in written.uploads.iter().zip(&plan.uploads) {
            let bytes = std::fs::read(&document.path).unwrap();
            assert_eq!(document.bytes, bytes.len() as u64);
            assert_eq!(document.key, upload.key);
            let model_duration = Duration::from_millis(durations[&hex(&Sha256::digest(&bytes))]);
            assert_eq!(
                model_duration.as_millis(),
                plan.to_real(upload.model_ms).as_millis()
            );
        }
        dir.remove();
    }
}
