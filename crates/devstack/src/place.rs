//! Where the repository's files are.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The repository this program was built from.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A file of the repository.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// The Python of the repository's own environment, which `make` creates.
///
/// # Errors
/// It is not there.
pub fn python() -> Result<PathBuf> {
    let python = file(".venv/bin/python");
    if !python.is_file() {
        bail!("{} is not there; `make venv` creates it", python.display());
    }
    Ok(python)
}
