//! Names as people and programs write them, what an answer without words is, and what is left of a job without its contents.

use jobs::contents::{NAME_HIDDEN, shown};
use jobs::encoded_word::decode_words;
use jobs::evidence::is_nothing;
use jobs::file_name::clean;
use jobs::labels::Labels;
use jobs::lane::Lane;
use testkit::conformance::one_in_every_state;

#[test]
fn encoded_words_keep_the_text_around_them_and_all_digits() {
    for (text, decoded) in [
        (" =?UTF-8?Q?a?=", " a"),
        ("=?UTF-8?Q?a?= b =?UTF-8?Q?c?=", "a b c"),
        ("=?UTF-8?B?5Li+5Li/?=", "\u{4e3e}\u{4e3f}"),
    ] {
        assert_eq!(decode_words(text), decoded, "{text}");
    }
}

#[test]
fn characters_that_look_like_blanks_are_blanks_in_names() {
    assert_eq!(clean("a\u{3164}\u{2800}b.pdf"), "a b.pdf");
    for name in [" nda.pdf", "nda.pdf ", "nda.pdf"] {
        assert_eq!(clean(name), "nda.pdf", "{name:?}");
    }
}

#[test]
fn answer_is_nothing_only_if_it_was_read_whole_and_is_blank() {
    assert!(is_nothing(17, &[b' '; 17]));
    assert!(!is_nothing(18, &[b' '; 17]), "not read whole");
    assert!(!is_nothing(4, b""), "not read");
    assert!(!is_nothing(4, b"7.25"));
}

#[test]
fn job_without_contents_keeps_its_lane() {
    let mut job = one_in_every_state("docket-jobs", "acme").swap_remove(0);
    let tags = Labels::new(Some("DPA-7"), Some("May"), &[], Lane::Bulk);
    job.input.labels = tags.unwrap();
    let shown = shown(&job, false);
    assert_eq!(shown.input.name.as_deref(), Some(NAME_HIDDEN));
    let labels = Labels {
        lane: Lane::Bulk,
        ..Labels::default()
    };
    assert_eq!(shown.input.labels, labels);
}
