//! The reason in HTML and other markup.

use super::text::{cut, readable};

/// The title of an HTML page and its text, or the text of other markup.
pub(super) fn in_markup(text: &str) -> Option<String> {
    let title = element(text, "title").and_then(|(inner, _)| readable(&without_tags(inner)));
    let mut body = text.to_owned();
    for name in ["head", "title", "style", "script"] {
        while let Some((_, range)) = element(&body, name) {
            body.replace_range(range, " ");
        }
    }
    let body = readable(&without_tags(&body));
    match (title, body) {
        // The heading repeats the title, or the title without its status code.
        (Some(title), Some(body)) => {
            let words = title.trim_start_matches(|char: char| char.is_ascii_digit() || char == ' ');
            let rest = body
                .strip_prefix(title.as_str())
                .or_else(|| body.strip_prefix(words))
                .unwrap_or(&body)
                .trim();
            Some(if rest.is_empty() {
                title
            } else {
                cut(format!("{title}: {rest}"))
            })
        }
        (title, body) => title.or(body),
    }
}

/// The contents of the first element with this name, and the range of the whole element.
fn element<'a>(text: &'a str, name: &str) -> Option<(&'a str, std::ops::Range<usize>)> {
    let lower = text.to_ascii_lowercase();
    let opening = format!("<{name}");
    let start = lower.match_indices(&opening).map(|(at, _)| at).find(|at| {
        lower[at + opening.len()..].starts_with(|next: char| next == '>' || next.is_whitespace())
    })?;
    let inner = start + lower[start..].find('>')? + 1;
    let closing = format!("</{name}>");
    let (end, after) = match lower[inner..].find(&closing) {
        Some(at) => (inner + at, inner + at + closing.len()),
        None => (text.len(), text.len()),
    };
    Some((&text[inner..end], start..after))
}

/// The text between the tags, with the common entities decoded.
fn without_tags(markup: &str) -> String {
    let mut text = String::new();
    for (index, part) in markup.split('<').enumerate() {
        let outside = match part.split_once('>') {
            _ if index == 0 => part,
            Some((_, outside)) => outside,
            None => "",
        };
        text.push_str(outside);
        text.push(' ');
    }
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&apos;", "'"),
        ("&nbsp;", " "),
        ("&amp;", "&"),
    ];
    for (entity, char) in entities {
        text = text.replace(entity, char);
    }
    text
}
