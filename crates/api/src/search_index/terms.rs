//! What a job can be found by, and what a search looks for.

use std::collections::BTreeSet;

use jobs::id::Location;
use jobs::job::Job;

use super::SLICES;
use crate::ApiError;
use crate::name::fold;

/// The length of the pieces of words, in characters. Shorter texts cannot be searched.
const PIECE_CHARS: usize = 3;
/// How many slices of a text are read. Further ones would exclude few more jobs.
const MAX_SLICES_OF_TEXT: usize = 8;
/// How many slices list a job under one of its ids: an id has one piece only, which one slice would hardly tell from others.
const SLICES_OF_ID: u64 = 4;
/// How much of a job id is shown where there is little space. Shorter starts are not found.
const SHORT_ID_CHARS: usize = 8;

/// The text in the form in which texts are searched: letters and digits in lower case without accents, in words with one space
/// between them. Dashes and all other signs separate words.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in fold(text).chars().filter(|c| !is_mark(*c)) {
        match c {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' => plain.push('d'),
            'ı' => plain.push('i'),
            c if c.is_alphanumeric() => plain.push(c),
            _ if plain.is_empty() || plain.ends_with(' ') => {}
            _ => plain.push(' '),
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// Unicode's blocks of combining marks.
const fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Scripts without blanks between words, in which two characters are a word.
const fn is_word_of_its_own(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// FNV-1a. Stored slices depend on it, so it must not change.
fn hash(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn slice_of(bytes: impl Iterator<Item = u8>) -> u16 {
    let hash = hash(bytes);
    // The low bits of FNV depend on the low bits of the bytes only.
    u16::try_from((hash ^ (hash >> 32)) % u64::from(SLICES)).unwrap_or(0)
}

/// The slices of the pieces of a plain text, each once, in the order of the pieces.
fn slices_of_text(plain: &str) -> Vec<u16> {
    let chars: Vec<char> = plain.chars().collect();
    let pieces = chars.windows(PIECE_CHARS);
    let single = chars.chunks(1).filter(|c| is_word_of_its_own(c[0]));
    let mut slices = Vec::new();
    for piece in pieces.chain(single) {
        let text: String = piece.iter().collect();
        let slice = slice_of(text.bytes());
        if !slices.contains(&slice) {
            slices.push(slice);
        }
    }
    slices
}

fn slices_of_id(id: &str) -> impl Iterator<Item = u16> {
    (0..SLICES_OF_ID).map(move |number| slice_of(format!("#{number}{id}").bytes()))
}

/// The texts of a job in which a search looks: name, uploader, reference, batch and tags, each on a line.
fn text_of(job: &Job) -> String {
    if job.is_erased() {
        return String::new();
    }
    let labels = &job.input.labels;
    let name = job.display_name();
    let texts = [
        Some(name.as_ref()),
        job.input.uploaded_by.as_deref(),
        labels.reference.as_deref(),
        labels.batch.as_deref(),
    ];
    let texts = texts
        .into_iter()
        .flatten()
        .chain(labels.tags.lines().lines());
    texts.map(plain).collect::<Vec<_>>().join("\n")
}

/// The digits of a trace id in the format of X-Ray or of W3C Trace Context.
pub(crate) fn trace_digits(text: &str) -> Option<String> {
    let digits = match text.strip_prefix("1-") {
        Some(digits) => digits.replacen('-', "", 1),
        None => text.to_owned(),
    };
    (digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digits)
}

/// The ids by which a job is found, in lower case: the start of its own, its trace's, the version of its document, and those in
/// the keys of document and outputs. Whole keys, URLs and inference ids contain the job id.
fn ids_of(job: &Job) -> BTreeSet<String> {
    let own = job.id.to_string();
    let mut ids = BTreeSet::from([own.chars().take(SHORT_ID_CHARS).collect()]);
    ids.extend(job.trace_id.and_then(|id| trace_digits(&id.to_string())));
    if job.is_erased() {
        return ids;
    }
    ids.insert(job.input.version.to_lowercase());
    let records = job.attempts.iter();
    let objects = records.flat_map(|record| record.output.iter().chain(&record.failure_object));
    let keys = objects.map(|Location { key, .. }| key.as_str());
    for key in keys.chain([job.input.key.as_str()]) {
        let file = key.rsplit('/').next().unwrap_or(key).to_lowercase();
        let stem = file.split_once('.').map_or(file.as_str(), |(stem, _)| stem);
        ids.insert(stem.to_owned());
    }
    ids.retain(|id| id.len() >= SHORT_ID_CHARS && *id != own);
    ids
}

/// The slices that list a job.
pub(crate) fn slices_of(job: &Job) -> BTreeSet<u16> {
    let mut slices = BTreeSet::new();
    for line in text_of(job).lines() {
        slices.extend(slices_of_text(line));
    }
    for id in ids_of(job) {
        slices.extend(slices_of_id(&id));
    }
    slices
}

/// What a search looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SearchText {
    /// Each of them must be in a text of the job. If all are too short for the index, the only one is the whole text.
    words: Vec<String>,
    /// The text in lower case, if it may be an id.
    id: Option<String>,
}

impl SearchText {
    /// # Errors
    /// If the text has too few letters and digits for the index.
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let plain = plain(text);
        let is_long = |word: &str| {
            word.chars().count() >= PIECE_CHARS || word.chars().any(is_word_of_its_own)
        };
        let mut words: Vec<String> = plain.split(' ').map(str::to_owned).collect();
        if !words.iter().any(|word| is_long(word)) {
            words = vec![plain];
            words.retain(|word| is_long(word));
        }
        let id = text.trim().to_lowercase();
        let may_be_id = id.len() >= SHORT_ID_CHARS && !id.contains(char::is_whitespace);
        let id = may_be_id.then(|| trace_digits(&id).unwrap_or(id));
        if words.is_empty() && id.is_none() {
            return Err(ApiError::BadRequest(format!(
                "a search needs at least {PIECE_CHARS} letters or digits in a row"
            )));
        }
        Ok(Self { words, id })
    }

    /// Lists of slices: a job that matches is in all slices of one of the lists.
    pub(super) fn alternatives(&self) -> Vec<Vec<u16>> {
        let mut alternatives = Vec::new();
        let mut slices: Vec<u16> = Vec::new();
        for word in &self.words {
            slices.extend(slices_of_text(word));
        }
        slices.sort_unstable();
        slices.dedup();
        if !slices.is_empty() {
            // Evenly over the text, so that each of its words counts.
            let step = slices.len().div_ceil(MAX_SLICES_OF_TEXT);
            alternatives.push(slices.into_iter().step_by(step).collect());
        }
        if let Some(id) = &self.id {
            alternatives.push(slices_of_id(id).collect());
            if let Some(start) = id.get(..SHORT_ID_CHARS)
                && start != id
                && start.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                alternatives.push(slices_of_id(start).collect());
            }
        }
        alternatives
    }

    pub(crate) fn matches(&self, job: &Job) -> bool {
        let is_id = |id: &String| job.id.to_string().starts_with(id) || ids_of(job).contains(id);
        let text = text_of(job);
        let has_words = self.words.iter().all(|word| text.contains(word.as_str()));
        (!self.words.is_empty() && has_words) || self.id.as_ref().is_some_and(is_id)
    }
}

#[cfg(test)]
mod tests {
    use testkit::conformance::full_job;

    use super::*;

    fn job(name: &str) -> Job {
        let mut job = full_job("docket-jobs", "acme", 0);
        job.input.name = Some(name.to_owned());
        job.input.uploaded_by = Some("Zoë.Ruiz@acme.example".to_owned());
        job.input.labels.reference = Some("INV-2026/471".to_owned());
        job.input.version = "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY".to_owned();
        job.trace_id = "1-4bf92f35-77b34da6a3ce929d0e0e4736".parse().ok();
        job
    }

    fn finds(job: &Job, text: &str) -> bool {
        let search = SearchText::parse(text).unwrap();
        let slices = slices_of(job);
        let is_candidate = |list: &Vec<u16>| list.iter().all(|slice| slices.contains(slice));
        let found = search.matches(job);
        if found {
            assert!(search.alternatives().iter().any(is_candidate), "{text}");
        }
        found
    }

    #[test]
    fn job_is_found_by_any_part_of_its_texts_and_by_its_ids() {
        let job = job("Lieferver\u{ad}träge Müller–Straße 12 & Søn (final).PDF");
        let id = job.id.to_string();
        for text in [
            "liefervertrage",
            "VERTRÄGE",
            "mu\u{308}ller-strasse",
            "müller—straße 12",
            "final muller",
            "12 & s",
            "son",
            "zoe.ruiz@ACME",
            "inv-2026",
            "2026/471",
            "3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "1-4bf92f35-77b34da6a3ce929d0e0e4736",
            &id,
            &id[..8],
            &id[..20],
            &id.to_uppercase(),
        ] {
            assert!(finds(&job, text), "{text}");
        }
        let stem = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
        let output = format!("outbound/legal-review/{}/a1/{stem}.out", job.id);
        let mut with_output = job.clone();
        with_output.attempts.truncate(1);
        with_output.attempts[0].output = Some(Location {
            bucket: "docket-jobs".to_owned(),
            key: output,
        });
        assert!(finds(&with_output, stem), "{stem}");
        for text in ["muller 13", "vertrag miete", "zoe ruiz globex", "99999999"] {
            assert!(!finds(&job, text), "{text}");
        }
        assert!(finds(&self::job("秘密保持契約書.pdf"), "契約"));
        for short in ["ab", "-", "a b", ""] {
            let parsed = SearchText::parse(short);
            assert!(parsed.is_err() || short == "a b", "{short}");
        }
    }

    #[test]
    fn slices_of_a_stored_index_stay_the_same() {
        assert_eq!(slices_of_text("lease"), [40, 184, 225]);
    }
}
