//! Summarizes a result in a few lines.

use serde_json::Value;

use crate::watch::printable;

const MAX_FLAGS: usize = 2;
const MAX_CLAUSES: usize = 6;

/// Summarizes a result in the reference model's format. Of another format it shows the field `summary`, if there is
/// one.
pub(super) fn summary_lines(result: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let facts = document_facts(result);
    if !facts.is_empty() {
        lines.push(facts.join(" · "));
    } else if let Some(summary) = result["summary"].as_str() {
        lines.push(printable(summary));
    }
    let flags = list(result, "flags");
    for flag in flags.iter().take(MAX_FLAGS) {
        let reason = flag["reason"].as_str().unwrap_or_default();
        // Leaves out the quotation from the document.
        let reason = reason.split(": “").next().unwrap_or_default();
        let clause = words(&flag["clause"]);
        // Page 0: the flag is about something that is missing.
        let page = flag["page"].as_u64().filter(|page| *page > 0);
        let page = page.map_or_else(String::new, |page| format!(", p. {page}"));
        lines.push(printable(&format!(
            "{} {clause}{page}: {reason}",
            mark(&flag["severity"])
        )));
    }
    if flags.len() > MAX_FLAGS {
        let more = flags.len() - MAX_FLAGS;
        lines.push(format!(
            "… and {more} more {}",
            if more == 1 { "flag" } else { "flags" }
        ));
    }
    let mut kinds: Vec<String> = list(result, "clauses")
        .iter()
        .map(|clause| words(&clause["type"]))
        .collect();
    kinds.retain(|kind| kind != "parties");
    if flags.is_empty() && !kinds.is_empty() {
        let more = if kinds.len() > MAX_CLAUSES {
            ", …"
        } else {
            ""
        };
        let named = kinds[..kinds.len().min(MAX_CLAUSES)].join(", ");
        lines.push(printable(&format!("no flags; clauses: {named}{more}")));
    }
    lines
}

fn document_facts(result: &Value) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(kind) = result["document"]["kind"].as_str() {
        let pages = result["document"]["pages"].as_u64().unwrap_or(0);
        facts.push(format!(
            "{kind}, {pages} {}",
            if pages == 1 { "page" } else { "pages" }
        ));
    }
    let fields = &result["facts"];
    let parties: Vec<&str> = list(fields, "parties")
        .iter()
        .filter_map(|party| party["name"].as_str())
        .take(2)
        .collect();
    if !parties.is_empty() {
        facts.push(parties.join(" / "));
    }
    for (name, label) in [("term", "term"), ("governing_law", "law")] {
        if let Some(value) = fields[name].as_str().filter(|value| !value.is_empty()) {
            facts.push(format!("{label}: {value}"));
        }
    }
    facts.iter().map(|text| printable(text)).collect()
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
    fn result_is_summarized_with_its_facts_and_first_flags() {
        let result = serde_json::json!({
            "document": {"kind": "lease", "pages": 2},
            "facts": {"parties": [{"name": "A GmbH"}, {"name": "B eG"}], "term": "5 years", "governing_law": "Germany"},
            "clauses": [{"type": "auto_renewal"}],
            "flags": [
                {"severity": "high", "clause": "auto_renewal", "page": 1, "reason": "renews automatically: “long”"},
                {"severity": "low", "clause": "term", "page": 0, "reason": "b"},
                {"severity": "low", "clause": "term", "page": 1, "reason": "c"},
            ],
        });
        assert_eq!(
            summary_lines(&result),
            [
                "lease, 2 pages · A GmbH / B eG · term: 5 years · law: Germany",
                "!! auto renewal, p. 1: renews automatically",
                "-  term: b",
                "… and 1 more flag",
            ]
        );
    }

    #[test]
    fn result_without_flags_lists_its_clauses_and_an_unknown_format_its_summary() {
        let clean = serde_json::json!({"clauses": [{"type": "parties"}, {"type": "liability_cap"}], "flags": []});
        assert_eq!(summary_lines(&clean), ["no flags; clauses: liability cap"]);
        assert_eq!(
            summary_lines(&serde_json::json!({"summary": "all\u{1b}[2J good"})),
            ["all\u{fffd}[2J good"]
        );
        assert!(summary_lines(&serde_json::json!([1, 2])).is_empty());
    }
}
