//! Text in terminal columns.

use console::{Alignment, measure_text_width, pad_str, truncate_str};

/// Cuts a text to a number of columns, with an ellipsis if it was longer.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    truncate_str(text, columns, "…").into_owned()
}

/// Cuts or pads a text to exactly this number of columns.
pub(crate) fn column(text: &str, columns: usize) -> String {
    pad_str(&fit(text, columns), columns, Alignment::Left, None).into_owned()
}

/// Splits a text into lines of at most this number of columns, between words if possible.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while measure_text_width(rest) > columns {
        let mut used = 0;
        let overflow = rest.char_indices().find(|(_, c)| {
            used += char_width(*c);
            used > columns
        });
        let Some((limit, _)) = overflow.filter(|(limit, _)| *limit > 0) else {
            break;
        };
        // The space at which a line is split belongs to neither line.
        let (line, after) = match space_before(rest, limit) {
            Some(space) if space > 0 => (&rest[..space], &rest[space + 1..]),
            _ => rest.split_at(limit),
        };
        lines.push(line);
        rest = after;
    }
    lines.push(rest);
    lines
}

/// The last space up to and including a position.
fn space_before(text: &str, limit: usize) -> Option<usize> {
    if text[limit..].starts_with(' ') {
        return Some(limit);
    }
    text[..limit].rfind(' ')
}

fn char_width(c: char) -> usize {
    measure_text_width(c.encode_utf8(&mut [0; 4]))
}

/// A size with a unit, such as `26.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "only three digits are shown")]
    let number = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} KB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.2} GB", number / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_padded_by_columns_not_by_characters() {
        assert_eq!(fit("contract", 8), "contract");
        assert_eq!(fit("contract", 5), "cont…");
        assert_eq!(fit("合同合同", 5), "合同…");
        assert_eq!(fit("合同合同", 4), "合…");
        assert_eq!(fit("x", 0), "");
        assert_eq!(column("合同", 6), "合同  ");
        assert_eq!(column("e\u{301}", 3), "e\u{301}  ");
    }

    #[test]
    fn long_text_is_wrapped_between_words() {
        let text = "broken PDF: it has no end (no startxref)";
        assert_eq!(wrap(text, 80), [text]);
        assert_eq!(
            wrap(text, 15),
            ["broken PDF: it", "has no end (no", "startxref)"]
        );
        assert_eq!(wrap("broken PDF", 6), ["broken", "PDF"]);
        assert_eq!(wrap("s3://bucket/key", 6), ["s3://b", "ucket/", "key"]);
        assert_eq!(wrap("合同 合同合", 4), ["合同", "合同", "合"]);
        assert_eq!(wrap("合", 1), ["合"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(
            ["0 B", "999 B", "1 KB", "26.2 MB", "1.07 GB"],
            [0, 999, 1000, 26_214_400, 1 << 30].map(size)[..]
        );
    }
}
