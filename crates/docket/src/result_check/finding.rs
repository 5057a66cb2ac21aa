//! Findings in a model's JSON, under the names of docs/models.md or where the pipeline says.

use serde_json::{Map, Value};

use super::remainder::{Remainder, ResultPaths, plain_name, pointer_names, scalar_text};

/// How serious a finding is, in the order in which findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    High,
    /// The model's word is not known. It is shown as it is.
    Other,
    /// The model says no level.
    None,
    Medium,
    Low,
    Info,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReviewFinding {
    pub(super) rank: Rank,
    /// The model's own word.
    pub(super) level: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) quote: String,
    /// From 1; 0 if it concerns the whole document.
    pub(super) page: Option<u32>,
    /// Left, top, right, bottom.
    pub(super) place: Option<[f64; 4]>,
    /// From 0 to 1.
    pub(super) confidence: Option<f64>,
    /// Everything else that the model says about it.
    pub(super) rest: Map<String, Value>,
}

pub(super) const TEXT: [&str; 12] = [
    "reason",
    "text",
    "message",
    "description",
    "finding",
    "issue",
    "problem",
    "explanation",
    "detail",
    "details",
    "comment",
    "rationale",
];
const TITLE: [&str; 9] = [
    "clause", "title", "heading", "name", "type", "category", "rule", "label", "topic",
];
const LEVEL: [&str; 7] = [
    "severity",
    "level",
    "risklevel",
    "risk",
    "priority",
    "importance",
    "criticality",
];
const QUOTE: [&str; 6] = [
    "quote",
    "excerpt",
    "evidence",
    "snippet",
    "citation",
    "sourcetext",
];
pub(super) const PAGE: [&str; 3] = ["page", "pagenumber", "pageno"];
pub(super) const BOX: [&str; 3] = ["box", "bbox", "boundingbox"];

const HIGH: &[&str] = &[
    "high",
    "critical",
    "severe",
    "serious",
    "major",
    "veryhigh",
    "blocker",
    "fatal",
    "error",
    "red",
    "urgent",
    "hoch",
    "kritisch",
    "schwer",
    "schwerwiegend",
    "sehrhoch",
];
const MEDIUM: &[&str] = &[
    "medium", "moderate", "mid", "warning", "warn", "amber", "yellow", "orange", "mittel",
];
const LOW: &[&str] = &["low", "verylow", "minor", "green", "gering", "niedrig"];
const INFO: &[&str] = &[
    "info",
    "information",
    "informational",
    "note",
    "notice",
    "hint",
    "hinweis",
];

pub(super) fn rank_of(level: &str) -> Rank {
    let word = plain_name(level);
    let is_in = |words: &[&str]| words.contains(&word.as_str());
    if word.is_empty() {
        Rank::None
    } else if is_in(HIGH) {
        Rank::High
    } else if is_in(MEDIUM) {
        Rank::Medium
    } else if is_in(LOW) {
        Rank::Low
    } else if is_in(INFO) {
        Rank::Info
    } else {
        Rank::Other
    }
}

/// Findings, the most serious first. `None` if the value cannot be a list of findings.
pub(super) fn findings_in(value: &Value, paths: &ResultPaths) -> Option<Vec<ReviewFinding>> {
    let mut findings = collect(value, paths)?;
    findings.sort_by_key(|finding| finding.rank);
    Some(findings)
}

fn collect(value: &Value, paths: &ResultPaths) -> Option<Vec<ReviewFinding>> {
    match value {
        Value::Array(list) => Some(list.iter().map(|one| finding(one, paths)).collect()),
        Value::String(text) => (!text.trim().is_empty()).then(|| vec![finding(value, paths)]),
        Value::Object(fields) => {
            let mut names = fields.keys().map(|key| plain_name(key));
            if names.any(|name| TEXT.contains(&name.as_str()) || LEVEL.contains(&name.as_str())) {
                return Some(vec![finding(value, paths)]);
            }
            // By name, or by level: {"high": […], "low": […]}.
            let is_group = |one: &Value| one.is_string() || one.is_array() || one.is_object();
            let groups = fields.iter();
            fields.values().all(is_group).then(|| {
                groups
                    .flat_map(|(key, group)| in_group(key, group, paths))
                    .collect()
            })
        }
        _ => None,
    }
}

fn in_group(key: &str, group: &Value, paths: &ResultPaths) -> Vec<ReviewFinding> {
    let members = match group {
        Value::Array(list) => list.as_slice(),
        other => std::slice::from_ref(other),
    };
    let is_level = !matches!(rank_of(key), Rank::Other | Rank::None);
    let grouped = |one: &Value| {
        let mut found = finding(one, paths);
        if is_level && found.level.is_empty() {
            found.level = key.to_owned();
            found.rank = rank_of(key);
        } else if found.title.is_empty() {
            found.title = key.to_owned();
        } else {
            found.rest.insert("group".to_owned(), key.into());
        }
        found
    };
    members.iter().map(grouped).collect()
}

fn finding(value: &Value, paths: &ResultPaths) -> ReviewFinding {
    let mut left = Remainder::new(value.clone());
    if value.as_object().is_none_or(Map::is_empty) {
        return ReviewFinding {
            rank: Rank::None,
            level: String::new(),
            title: String::new(),
            text: scalar_text(value).unwrap_or_else(|| value.to_string()),
            quote: String::new(),
            page: None,
            place: None,
            confidence: None,
            rest: Map::new(),
        };
    }
    let text_of = |value: &Value| value.as_str().and_then(|_| scalar_text(value));
    let mut take = FindingParts {
        left: &mut left,
        paths,
    };
    let level = take.part("finding_level", &LEVEL, scalar_text);
    let text = take.part("finding_text", &TEXT, scalar_text);
    let title = take.part("finding_title", &TITLE, scalar_text);
    let quote = take.part("finding_quote", &QUOTE, text_of);
    let page = take
        .part("finding_page_index", &[], |value| page_number(value, 0))
        .or_else(|| take.part("finding_page", &PAGE, |value| page_number(value, 1)));
    // A box without its page leads nowhere.
    let place = page.filter(|page| *page > 0).and_then(|_| {
        take.part("finding_box_points", &[], |value| box_in(value, f64::MAX))
            .or_else(|| take.part("finding_box", &BOX, |value| box_in(value, 1.001)))
    });
    let confidence = left.take_named(&[], &["confidence", "probability"], |value| {
        value.as_f64().filter(|share| (0.0..=1.0).contains(share))
    });
    ReviewFinding {
        rank: rank_of(level.as_deref().unwrap_or_default()),
        level: level.unwrap_or_default(),
        title: title.unwrap_or_default(),
        text: text.unwrap_or_default(),
        quote: quote.unwrap_or_default(),
        page,
        place,
        confidence,
        rest: match left.rest {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        },
    }
}

/// Takes the parts of a finding.
struct FindingParts<'a> {
    left: &'a mut Remainder,
    paths: &'a ResultPaths,
}

impl FindingParts<'_> {
    /// A part from where the pipeline says that it is, or else under one of its usual names.
    fn part<T>(
        &mut self,
        part: &str,
        names: &[&str],
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let path = self.paths.get(part).map(|path| pointer_names(path));
        let at_path = self.left.take(path, &read);
        at_path.or_else(|| self.left.take_named(&[], names, read))
    }
}

/// Counted from 1; 0 is the whole document. `first` is the number that the model gives to the first page.
fn page_number(value: &Value, first: u8) -> Option<u32> {
    let number = match value {
        Value::Number(number) => {
            let number = number.as_f64()?;
            if number.fract() != 0.0 || !(0.0..=999_999.0).contains(&number) {
                return None;
            }
            format!("{number:.0}").parse().ok()?
        }
        Value::String(text) => {
            let text = text.trim().to_lowercase();
            let digits = ["page", "p.", "p", ""]
                .iter()
                .find_map(|before| text.strip_prefix(before))?
                .trim_start();
            let fits =
                (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse().ok().filter(|_| fits)?
        }
        _ => return None,
    };
    Some(if first == 0 { number + 1 } else { number })
}

/// `[left, top, right, bottom]`, or an object with these or with `x`, `y`, `width`, `height`. `None` if it is no place, or
/// ends beyond `max`.
fn box_in(value: &Value, max: f64) -> Option<[f64; 4]> {
    let sides: Vec<f64> = match value {
        Value::Array(list) => list.iter().map(Value::as_f64).collect::<Option<_>>()?,
        Value::Object(fields) => sides_of(fields)?,
        _ => return None,
    };
    let sides: [f64; 4] = sides.try_into().ok()?;
    let [left, top, right, bottom] = sides;
    let is_place = left >= 0.0 && top >= 0.0 && left < right && top < bottom;
    let is_on_page = right <= max && bottom <= max;
    (is_place && is_on_page).then_some(sides)
}

fn sides_of(fields: &Map<String, Value>) -> Option<Vec<f64>> {
    let of = |names: &[&str]| {
        names.iter().find_map(|name| {
            let mut entries = fields.iter();
            entries
                .find(|(key, _)| plain_name(key) == *name)
                .and_then(|(_, value)| value.as_f64())
        })
    };
    // An object that says more than its sides is not only a box.
    if fields.len() != 4 {
        return None;
    }
    let left = of(&["left", "x0", "x1", "x", "xmin"])?;
    let top = of(&["top", "y0", "y1", "y", "ymin"])?;
    let second = |zero: &str, one: &str| of(&[zero]).and_then(|_| of(&[one]));
    let right = of(&["width", "w"])
        .map(|width| left + width)
        .or_else(|| of(&["right", "x2", "xmax"]))
        .or_else(|| second("x0", "x1"))?;
    let bottom = of(&["height", "h"])
        .map(|height| top + height)
        .or_else(|| of(&["bottom", "y2", "ymax"]))
        .or_else(|| second("y0", "y1"))?;
    Some(vec![left, top, right, bottom])
}
