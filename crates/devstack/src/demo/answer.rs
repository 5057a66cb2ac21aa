//! What a result says, in a line or two.

use serde_json::Value;

use crate::watch::printable;

/// How many flags are named.
const FLAGS: usize = 2;
/// How many clauses are named.
const CLAUSES: usize = 6;

/// The lines about an answer of the review. Understands the reference model's form; of another model's JSON
/// it shows the summary, if there is one.
pub(super) fn lines(answer: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let about = about(answer);
    if !about.is_empty() {
        lines.push(about.join(" · "));
    } else if let Some(summary) = answer["summary"].as_str() {
        lines.push(printable(summary));
    }
    let flags = list(answer, "flags");
    for flag in flags.iter().take(FLAGS) {
        let reason = flag["reason"].as_str().unwrap_or_default();
        // The quotation that follows is for the reader of the whole answer.
        let reason = reason.split(": “").next().unwrap_or_default();
        let clause = words(&flag["clause"]);
        // Page 0: it is about something that is on no page.
        let page = flag["page"].as_u64().filter(|page| *page > 0);
        let page = page.map_or_else(String::new, |page| format!(", p. {page}"));
        lines.push(printable(&format!(
            "{} {clause}{page}: {reason}",
            mark(&flag["severity"])
        )));
    }
    if flags.len() > FLAGS {
        let more = flags.len() - FLAGS;
        lines.push(format!(
            "… and {more} more {} to look at",
            if more == 1 { "point" } else { "points" }
        ));
    }
    let mut kinds: Vec<String> = list(answer, "clauses")
        .iter()
        .map(|clause| words(&clause["type"]))
        .collect();
    kinds.retain(|kind| kind != "parties");
    if flags.is_empty() && !kinds.is_empty() {
        let more = if kinds.len() > CLAUSES { ", …" } else { "" };
        let named = kinds[..kinds.len().min(CLAUSES)].join(", ");
        lines.push(printable(&format!(
            "nothing stands out; clauses: {named}{more}"
        )));
    }
    lines
}

fn about(answer: &Value) -> Vec<String> {
    let mut about = Vec::new();
    if let Some(kind) = answer["document"]["kind"].as_str() {
        let pages = answer["document"]["pages"].as_u64().unwrap_or(0);
        about.push(format!(
            "{kind}, {pages} {}",
            if pages == 1 { "page" } else { "pages" }
        ));
    }
    let facts = &answer["facts"];
    let parties: Vec<&str> = list(facts, "parties")
        .iter()
        .filter_map(|party| party["name"].as_str())
        .take(2)
        .collect();
    if !parties.is_empty() {
        about.push(parties.join(" / "));
    }
    for (name, label) in [("term", "term"), ("governing_law", "law")] {
        if let Some(value) = facts[name].as_str().filter(|value| !value.is_empty()) {
            about.push(format!("{label}: {value}"));
        }
    }
    about.iter().map(|text| printable(text)).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn words(value: &Value) -> String {
    value.as_str().unwrap_or_default().replace('_', " ")
}

fn mark(severity: &Value) -> &'static str {
    match severity.as_str() {
        Some("high") => "!!",
        Some("medium") => "! ",
        _ => "- ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_in_a_few_lines() {
        let answer = serde_json::json!({
            "document": {"kind": "lease", "pages": 2},
            "facts": {"parties": [{"name": "A GmbH"}, {"name": "B eG"}], "term": "5 years", "governing_law": "Germany"},
            "clauses": [{"type": "auto_renewal"}],
            "flags": [
                {"severity": "high", "clause": "auto_renewal", "page": 1, "reason": "renews by itself: “long”"},
                {"severity": "low", "clause": "term", "page": 0, "reason": "b"},
                {"severity": "low", "clause": "term", "page": 1, "reason": "c"},
            ],
        });
        assert_eq!(
            lines(&answer),
            [
                "lease, 2 pages · A GmbH / B eG · term: 5 years · law: Germany",
                "!! auto renewal, p. 1: renews by itself",
                "-  term: b",
                "… and 1 more point to look at",
            ]
        );
    }

    #[test]
    fn a_clean_answer_names_its_clauses_and_a_strange_one_says_nothing_wrong() {
        let clean = serde_json::json!({"clauses": [{"type": "parties"}, {"type": "liability_cap"}], "flags": []});
        assert_eq!(
            lines(&clean),
            ["nothing stands out; clauses: liability cap"]
        );
        assert_eq!(
            lines(&serde_json::json!({"summary": "all\u{1b}[2J good"})),
            ["all\u{fffd}[2J good"]
        );
        assert!(lines(&serde_json::json!([1, 2])).is_empty());
    }
}
