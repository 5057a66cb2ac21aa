//! The files to upload, and the expected outcome of their jobs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

#[derive(Clone, Debug)]
pub(crate) struct PlannedUpload {
    pub(crate) path: PathBuf,
    /// The name on the terminal, without control characters.
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) pipeline: String,
    pub(crate) bytes: u64,
    pub(crate) expected: ExpectedOutcome,
}

/// How a job is expected to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpectedOutcome {
    Ready,
    /// As failed, because the document is invalid.
    Rejected,
    /// As ready, or as failed with a reason.
    Any,
}

/// The PDFs in a folder and its subfolders, sorted by path.
pub(crate) fn find_pdfs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            // Does not follow links to folders, which could be circular.
            let is_folder = path.symlink_metadata()?.is_dir();
            if is_folder {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end.eq_ignore_ascii_case("pdf"))
                && path.is_file()
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Replaces control characters and bidirectional formatting characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() || is_bidi(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// Characters that reorder the following text.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_bidi_characters_are_replaced() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(printable("Zoë – 合同.pdf"), "Zoë – 合同.pdf");
    }
}
