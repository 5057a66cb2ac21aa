//! Text in columns of a terminal.

/// How many columns a character takes, by the blocks that matter for names: nothing for marks that combine,
/// two for East Asian scripts and pictures. Not Unicode's whole table; a rare script may stand one column off.
const fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// How many columns a text takes.
pub(crate) fn text_width(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// The same for text with styles in it.
pub(crate) fn styled_width(text: &str) -> usize {
    let mut columns = 0;
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once("\u{1b}[") {
        columns += text_width(plain);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    columns + text_width(rest)
}

/// The text, cut to so many columns; a cut is marked.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if text_width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1; // the mark
    for c in text.chars() {
        used += width(c);
        if used > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// The text in lines of so many columns, broken between words where that can be.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while text_width(rest) > columns {
        let mut used = 0;
        let too_far = rest.char_indices().find(|(_, c)| {
            used += width(*c);
            used > columns
        });
        let Some((limit, _)) = too_far.filter(|(limit, _)| *limit > 0) else {
            break;
        };
        // The blank at which a line is broken belongs to neither.
        let (line, after) = match blank_before(rest, limit) {
            Some(blank) if blank > 0 => (&rest[..blank], &rest[blank + 1..]),
            _ => rest.split_at(limit),
        };
        lines.push(line);
        rest = after;
    }
    lines.push(rest);
    lines
}

/// The last blank up to and at a position.
fn blank_before(text: &str, limit: usize) -> Option<usize> {
    if text[limit..].starts_with(' ') {
        return Some(limit);
    }
    text[..limit].rfind(' ')
}

/// The text, cut or filled up to exactly so many columns.
pub(crate) fn column(text: &str, columns: usize) -> String {
    let mut out = fit(text, columns);
    let missing = columns.saturating_sub(text_width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
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
    fn text_is_cut_and_filled_by_columns_not_by_characters() {
        assert_eq!(fit("contract", 8), "contract");
        assert_eq!(fit("contract", 5), "cont…");
        assert_eq!(fit("合同合同", 5), "合同…");
        assert_eq!(fit("合同合同", 4), "合…");
        assert_eq!(fit("x", 0), "");
        assert_eq!(column("合同", 6), "合同  ");
        assert_eq!(column("e\u{301}", 3), "e\u{301}  ");
    }

    #[test]
    fn long_text_is_broken_between_words() {
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
    fn styles_take_no_room() {
        assert_eq!(styled_width("\u{1b}[32mready\u{1b}[0m!"), 6);
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(
            ["0 B", "999 B", "1 KB", "26.2 MB", "1.07 GB"],
            [0, 999, 1000, 26_214_400, 1 << 30].map(size)[..]
        );
    }
}
