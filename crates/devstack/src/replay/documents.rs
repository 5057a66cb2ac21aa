//! The documents of a live replay: the samples, each made different, and how long the model takes for each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use simulation::replay::{Forecast, Scenario};

use super::Order;
use crate::repo;
use crate::ticket::hex;
use crate::watch::{ExpectedOutcome, PlannedUpload, find_pdfs};

/// What was written.
pub(super) struct Written {
    /// In the order of the uploads.
    pub(super) plans: Vec<PlannedUpload>,
    /// Whose they are.
    pub(super) tenants: Vec<String>,
    /// The file that tells the model how late to answer.
    pub(super) takes: PathBuf,
}

/// Writes one PDF for each upload into a folder, and what the model is told about them.
pub(super) fn write(folder: &Path, order: &Order, forecast: &Forecast) -> Result<Written> {
    let scenario = order.options.scenario;
    let samples: Vec<(String, Vec<u8>)> = find_pdfs(&repo::file(match scenario {
        Scenario::DealDay => "samples/contracts",
        Scenario::Tuesday => "samples/batches",
    }))?
    .into_iter()
    .map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes =
            std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok((name.into_owned(), bytes))
    })
    .collect::<Result<_>>()?;
    let write = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
    };
    let mut takes = BTreeMap::new();
    let mut tenants = BTreeSet::new();
    let mut plans = Vec::new();
    for (number, (upload, (sample, bytes))) in
        (1..).zip(forecast.uploads.iter().zip(samples.iter().cycle()))
    {
        let bytes = different(bytes, number);
        takes.insert(
            hex(&Sha256::digest(&bytes)),
            order.real(upload.takes).as_millis(),
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
            pipeline: scenario.pipeline().to_owned(),
            bytes: bytes.len() as u64,
            expected: ExpectedOutcome::Ready,
        });
    }
    let file = folder.join("takes.json");
    write(&file, &serde_json::to_vec(&takes)?)?;
    Ok(Written {
        plans,
        tenants: tenants.into_iter().collect(),
        takes: file,
    })
}

/// The same document in other bytes: with a comment after its end, where a reader looks for nothing.
fn different(pdf: &[u8], number: u32) -> Vec<u8> {
    let mut bytes = pdf.to_vec();
    bytes.extend_from_slice(format!("\n% copy {number}\n").as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use simulation::replay::Upload;

    use super::*;
    use crate::run_dir::RunDir;

    #[test]
    fn every_upload_is_a_document_of_its_own_with_a_time_of_its_own() {
        let dir = RunDir::create_unique("documents").unwrap();
        let order = Order::parse(&["deal-day".to_owned()]).unwrap();
        let upload = |number: u64| Upload {
            burst: 1,
            after: number,
            key: format!(
                "inbound/{}/{number}.pdf",
                ["acme", "globex"][number as usize % 2]
            ),
            takes: 30_000 + 1_000 * number,
        };
        let forecast = Forecast {
            uploads: (1..=20).map(upload).collect(),
            bursts: vec![],
            violations: vec![],
        };
        let written = write(dir.path(), &order, &forecast).unwrap();
        assert_eq!(written.tenants, ["acme", "globex"]);
        let told: BTreeMap<String, u64> =
            serde_json::from_slice(&std::fs::read(&written.takes).unwrap()).unwrap();
        assert_eq!(told.len(), 20, "two documents are the same");
        for (plan, upload) in written.plans.iter().zip(&forecast.uploads) {
            let bytes = std::fs::read(&plan.path).unwrap();
            assert_eq!(plan.bytes, bytes.len() as u64);
            assert_eq!(plan.key, upload.key);
            let takes = Duration::from_millis(told[&hex(&Sha256::digest(&bytes))]);
            assert_eq!(takes.as_millis(), order.real(upload.takes).as_millis());
        }
        dir.remove();
    }
}
