//! Reasons in tracebacks of exception groups that are cut off or have no exception of their own.

use jobs::container_error::model_message;

const GROUP: &str =
    "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 3, in f\n";

#[test]
fn exception_of_a_group_without_its_own_is_that_of_its_first_member() {
    let body =
        format!("{GROUP}  +-+---------------- 1 ----------------\n    | ValueError: no xref\n");
    let reason = model_message(body.as_bytes());
    assert_eq!(reason.as_deref(), Some("ValueError: no xref"));
}

#[test]
fn margin_of_a_group_that_is_cut_off_is_no_reason() {
    let reason = model_message(GROUP.as_bytes());
    assert_ne!(reason.as_deref(), Some("+ Exception Group"));
}
