//! Paths in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Files that every checkout has, and together nothing else.
const MARKERS: [&str; 2] = ["infra/service.yaml", "crates/devstack/python"];

/// The checkout in which this program runs, or else the one that contains the program. A checkout can be moved or copied
/// after a build, so it is not the one from which the program was built.
pub(crate) fn root() -> PathBuf {
    let places = [std::env::current_dir(), std::env::current_exe()];
    let mut checkouts = places.iter().flatten().filter_map(|place| checkout(place));
    // Outside of any checkout, errors name the file that is not there.
    checkouts
        .next()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The innermost checkout around a path.
fn checkout(path: &Path) -> Option<&Path> {
    let is_checkout = |folder: &&Path| MARKERS.iter().all(|marker| folder.join(marker).exists());
    path.ancestors().find(is_checkout)
}

/// A file of the repository.
pub fn file(path: &str) -> PathBuf {
    root().join(path)
}

/// The Python of the repository's virtual environment.
///
/// # Errors
/// The environment does not exist.
pub fn venv_python() -> Result<PathBuf> {
    let python = file(".venv/bin/python");
    if !python.is_file() {
        bail!("{} does not exist; run `make venv`", python.display());
    }
    Ok(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkout_is_found_by_its_files_wherever_it_is() {
        let copy = std::env::temp_dir().join(format!("checkout-{}", std::process::id()));
        for folder in ["infra", "crates/devstack/python", "target/release"] {
            std::fs::create_dir_all(copy.join(folder)).unwrap();
        }
        let program = copy.join("target/release/devstack");
        assert_ne!(checkout(&program), Some(copy.as_path()));
        std::fs::write(copy.join("infra/service.yaml"), "").unwrap();
        assert_eq!(checkout(&program), Some(copy.as_path()));
        assert_eq!(checkout(&copy), Some(copy.as_path()));
        std::fs::remove_dir_all(&copy).unwrap();
    }
}
