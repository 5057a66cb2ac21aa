//! What readers understand of a model's JSON. The page does the same (`web/src/ui/result`); both are tested with
//! `tests/results/cases.json`. The names are listed in docs/models.md.

use jobs::result_pages::WRAPPERS;
use serde_json::{Map, Value};

use super::finding::{Rank, ReviewFinding, findings_in, rank_of};
use super::remainder::{Remainder, ResultPaths, plain_name, pointer_names, scalar_text};

/// The version of the schema in docs/models.md.
pub(super) const SCHEMA: &str = "docket-result/1";

pub(super) const FINDINGS: [&str; 9] = [
    "flags",
    "findings",
    "issues",
    "risks",
    "warnings",
    "problems",
    "alerts",
    "violations",
    "redflags",
];
/// Fields that say that the model failed.
const ERRORS: [&str; 3] = ["error", "errors", "errormessage"];
const FAILURES: [&str; 3] = ["error", "failed", "failure"];
/// Fields that say how serious something is.
const LEVELS: [&str; 5] = ["severity", "risklevel", "level", "schwere", "schweregrad"];
const SUMMARY: [&str; 3] = ["summary", "abstract", "overview"];

#[derive(Debug)]
pub(super) struct Understood {
    /// Which schema the result names, if it is not [`SCHEMA`].
    pub(super) other_schema: Option<String>,
    pub(super) title: String,
    pub(super) summary: String,
    /// `None` if the result has no list of findings that is understood, or only empty ones although it says otherwise, which is
    /// not the same as no findings.
    pub(super) findings: Option<Vec<ReviewFinding>>,
    pub(super) clauses: usize,
    /// Facts, clauses and the model, each under its heading. Readers show them as they are.
    pub(super) shown: Vec<(&'static str, Value)>,
    /// Everything else. Readers show it as it is.
    pub(super) rest: Option<Value>,
}

pub(super) fn understand(json: &Value, paths: &ResultPaths) -> Understood {
    let mut left = Remainder::new(json.clone());
    let root = root_of(json);
    let pointer = |part: &str| paths.get(part).map(|path| pointer_names(path));
    let schema = left.take_named(&root, &["schema"], |value| {
        let name = value.as_str()?;
        name.starts_with("docket-result/").then(|| name.to_owned())
    });
    let before_findings = left.rest.clone();
    let mut findings = take_findings(&mut left, &root, pointer("findings"), paths);
    if findings.as_ref().is_some_and(Vec::is_empty)
        && left.rest.as_ref().is_some_and(says_otherwise)
    {
        findings = None;
        left.rest = before_findings;
    }
    let document = field_path(&left, &root, "document");
    let title = left
        .take(pointer("title"), scalar_text)
        .or_else(|| left.take_named(&root, &["title"], scalar_text))
        .or_else(|| left.take_named(&document, &["title"], scalar_text));
    let summary = left
        .take(pointer("summary"), paragraphs)
        .or_else(|| left.take_named(&root, &SUMMARY, paragraphs));
    let mut shown = Vec::new();
    for name in ["facts", "document"] {
        let found = left.take_named(&root, &[name], fields);
        shown.extend(found.map(|value| ("At a glance", value)));
    }
    let clauses = left.take_named(&root, &["clauses"], |value| {
        let list = value.as_array().filter(|list| !list.is_empty())?;
        let fits = list.iter().all(|one| one.is_object() || one.is_string());
        fits.then(|| list.clone())
    });
    let clause_count = clauses.as_ref().map_or(0, Vec::len);
    shown.extend(clauses.map(|list| ("Clauses", Value::Array(list))));
    let model = left.take_named(&root, &["model"], fields);
    shown.extend(model.map(|value| ("Model", value)));
    Understood {
        other_schema: schema.filter(|name| name != SCHEMA),
        title: title.unwrap_or_default(),
        summary: summary.unwrap_or_default(),
        findings,
        clauses: clause_count,
        shown,
        rest: left.rest,
    }
}

impl Understood {
    /// Whether anything but `rest` was found.
    pub(super) fn is_anything(&self) -> bool {
        self.findings.is_some() || self.clauses > 0 || !self.summary.is_empty()
    }
}

/// An object that has fields.
fn fields(value: &Value) -> Option<Value> {
    let has_fields = value.as_object().is_some_and(|fields| !fields.is_empty());
    has_fields.then(|| value.clone())
}

/// The path of the object that holds the parts: the whole result, or its only wrapper.
fn root_of(json: &Value) -> Vec<String> {
    let inside = |name: &str, inner: &Value| {
        let mut path = vec![name.to_owned()];
        path.extend(root_of(inner));
        path
    };
    match json {
        Value::Array(list) => match list.as_slice() {
            [only @ Value::Object(_)] => inside("0", only),
            _ => vec![],
        },
        Value::Object(object) => {
            let is_known = |key: &String| {
                let name = plain_name(key);
                let name = name.as_str();
                FINDINGS.contains(&name) || SUMMARY.contains(&name) || name == "clauses"
            };
            if object.keys().any(is_known) {
                return vec![];
            }
            let mut wrappers = object.iter().filter(|(key, inner)| {
                let holds =
                    inner.is_object() || inner.as_array().is_some_and(|list| list.len() == 1);
                WRAPPERS.contains(&plain_name(key).as_str()) && holds
            });
            match (wrappers.next(), wrappers.next()) {
                (Some((key, inner)), None) => inside(key, inner),
                _ => vec![],
            }
        }
        _ => vec![],
    }
}

/// All lists of findings that the result has, in one.
fn take_findings(
    left: &mut Remainder,
    root: &[String],
    path: Option<Vec<String>>,
    paths: &ResultPaths,
) -> Option<Vec<ReviewFinding>> {
    let read = |value: &Value| findings_in(value, paths);
    let mut lists: Vec<Vec<ReviewFinding>> = left.take(path, read).into_iter().collect();
    for name in FINDINGS {
        lists.extend(left.take_named(root, &[name], read));
    }
    let is_list = |rest: &Value| {
        rest.as_array()
            .is_some_and(|list| !list.is_empty() && list.iter().all(has_level))
    };
    if lists.is_empty() && left.rest.as_ref().is_some_and(is_list) {
        lists.extend(left.take(Some(vec![]), read));
    }
    (!lists.is_empty()).then(|| lists.into_iter().flatten().collect())
}

/// Whether a result with an empty list of findings also says, in what is not understood, that there are some, that something is
/// serious, or that the model failed. Then the empty list does not mean that there are none.
fn says_otherwise(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(says_otherwise),
        Value::Object(fields) => fields.iter().any(|(key, inner)| {
            let name = plain_name(key);
            let name = name.as_str();
            let failed = |text: &str| FAILURES.contains(&plain_name(text).as_str());
            if FINDINGS.contains(&name) || ERRORS.contains(&name) {
                says_something(inner)
            } else if let Some(level) = inner.as_str().filter(|_| LEVELS.contains(&name)) {
                matches!(rank_of(level), Rank::High | Rank::Medium)
            } else {
                (name == "status" && inner.as_str().is_some_and(failed)) || says_otherwise(inner)
            }
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => fields.values().any(says_something),
    }
}

fn has_level(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| {
        let mut names = fields.keys().map(|key| plain_name(key));
        names.any(|name| ["severity", "risklevel", "level"].contains(&name.as_str()))
    })
}

/// The path of an object's field of this name.
fn field_path(left: &Remainder, at: &[String], name: &str) -> Vec<String> {
    let fields = left.peek(at).and_then(Value::as_object);
    let key = fields
        .and_then(|fields: &Map<String, Value>| fields.keys().find(|key| plain_name(key) == name));
    let key = key.cloned().unwrap_or_else(|| name.to_owned());
    at.iter().cloned().chain([key]).collect()
}

fn paragraphs(value: &Value) -> Option<String> {
    if let Some(list) = value.as_array().filter(|list| !list.is_empty()) {
        let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
        return texts.map(|texts| texts.join("\n\n"));
    }
    value
        .as_str()
        .filter(|text| !text.trim().is_empty())
        .map(str::to_owned)
}
