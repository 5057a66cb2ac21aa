//! What is to be uploaded, and how its job should end.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One file to upload.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The file.
    pub(crate) path: PathBuf,
    /// What it is called on the screen; nothing in it can move a cursor.
    pub(crate) name: String,
    /// The object key.
    pub(crate) key: String,
    /// The pipeline that the key belongs to.
    pub(crate) pipeline: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// How its job should end.
    pub(crate) expect: Expect,
}

/// How a job should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// With a result.
    Ready,
    /// Without one, because the document is no good.
    Refused,
    /// Either way, but with a reason if it fails.
    Anything,
}

/// The PDFs in a folder and in folders within it, by name.
pub(crate) fn pdfs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            // A link to a folder could lead round in a circle.
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

/// Text without anything that a terminal would obey.
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

/// Characters that reorder what follows them.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(printable("Zoë – 合同.pdf"), "Zoë – 合同.pdf");
    }
}
