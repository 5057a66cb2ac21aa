//! The reason in HTML and other markup.

use super::text::{cut, readable};

/// The title of an HTML page and its text, or the text of other markup.
pub(super) fn in_markup(text: &str) -> Option<String> {
    let text = &without_cdata(text);
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

/// The text with the contents of its CDATA sections as other text.
fn without_cdata(markup: &str) -> String {
    let mut parts = markup.split("<![CDATA[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (literal, after) = part.split_once("]]>").unwrap_or((part, ""));
        text.push_str(&literal.replace('&', "&amp;").replace('<', "&lt;"));
        text.push_str(after);
    }
    text
}

/// The text between the tags, with its entities decoded.
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
    decoded(&text)
}

/// The named entities of Latin-1 from U+00A0 on, in order (HTML 4, "Character entity references").
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 \
    acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig \
    Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave \
    Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave \
    iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";
/// Other entities that are common in error pages.
const COMMON: [(&str, char); 14] = [
    ("lt", '<'),
    ("gt", '>'),
    ("amp", '&'),
    ("quot", '"'),
    ("apos", '\''),
    ("ndash", '–'),
    ("mdash", '—'),
    ("hellip", '…'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("euro", '€'),
];
/// Longer ones are no entities.
const MAX_ENTITY_BYTES: usize = 10;

/// Replaces the entities. What is none stays.
fn decoded(text: &str) -> String {
    let mut parts = text.split('&');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let entity = part.split_once(';');
        match entity.and_then(|(name, rest)| Some((character(name)?, rest))) {
            Some((character, rest)) => {
                decoded.push(character);
                decoded.push_str(rest);
            }
            None => {
                decoded.push('&');
                decoded.push_str(part);
            }
        }
    }
    decoded
}

/// The character of an entity: `uuml`, `#252`, `#xfc`.
fn character(name: &str) -> Option<char> {
    if name.len() > MAX_ENTITY_BYTES {
        return None;
    }
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|char| *char != '\0');
    }
    let common = COMMON.iter().find(|(known, _)| *known == name);
    let latin_1 = || {
        let index = LATIN_1.split_whitespace().position(|known| known == name)?;
        char::from_u32(0xa0 + u32::try_from(index).ok()?)
    };
    common.map(|(_, char)| *char).or_else(latin_1)
}
