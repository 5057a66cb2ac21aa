//! What each function may do, and that it may do nothing else: every act below is tried with every function's role.
//!
//! The lists here are written by hand, not read from the template: who widens a role must say so in both places.
//! Hardly an act does anything even where it is allowed: it names what is not there, or lacks what it needs.

mod acts;

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use bytes::Bytes;
use devstack::{Stack, root_credentials, sign_request};
use futures_util::{StreamExt, stream};
use http::Request;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::support::run;
use acts::{Act, acts};

/// What the log of decisions knows by: these refusals are asked for (`OUTSIDE` in `tests/grants.py`).
const SESSION: &str = "outside-its-grants";

/// What functions that settle results have in common.
const SETTLES: &[&str] = &[
    "read a job",
    "save a job",
    "move a job in its index",
    "see who watches",
    "forget a page",
    "keep a message",
    "keep a long message",
    "read an input",
    "read an output",
    "list the bucket",
    "list versions",
    "come back later",
    "announce",
    "push",
];
/// What those that submit documents do beside.
const SUBMITS: &[&str] = &[
    "read a version",
    "read a copy",
    "write a copy",
    "call an endpoint",
];

type Acts = &'static [&'static str];

/// Each function, what it shares with others, and what it does beside.
const MAY: [(&str, &[Acts], Acts); 10] = [
    (
        "upload-trigger",
        &[SETTLES, SUBMITS],
        &["receive uploads", "see whose upload it is"],
    ),
    (
        "inference-success",
        &[SETTLES],
        &["receive successes", "read a failure"],
    ),
    (
        "inference-error",
        &[SETTLES],
        &["receive errors", "read a failure"],
    ),
    (
        "retry",
        &[SETTLES, SUBMITS],
        &["receive wake-ups", "read a failure"],
    ),
    (
        "reconciler",
        &[],
        &[
            "read a job",
            "read many jobs",
            "move a job in its index",
            "list open jobs",
            "read a plan",
            "write a plan",
            "drop a plan",
            "list plans",
            "keep a message",
            "keep a long message",
            "read a note",
            "write a note",
            "list versions",
            "receive dead letters",
            "delete dead letters",
            "announce an upload",
            "announce a success",
            "announce an error",
            "come back later",
        ],
    ),
    (
        "support-api",
        &[],
        &[
            "read a job",
            "read many jobs",
            "save a job",
            "move a job in its index",
            "list a tenant's jobs",
            "list open jobs",
            "list failed jobs",
            "see who watches",
            "forget a page",
            "issue a ticket",
            "see whose upload it is",
            "announce whose upload it is",
            "write the audit log",
            "read the audit log",
            "read a plan",
            "write a plan",
            "drop a plan",
            "list plans",
            "look at a kept message",
            "list kept messages",
            "mark a kept message",
            "drop a kept message",
            "read a note",
            "write a note",
            "read an input",
            "write an input",
            "give an upload up",
            "see the parts of an upload",
            "read an output",
            "read a long message",
            "list the bucket",
            "list versions",
            "delete a version of an input",
            "delete a version of an output",
            "announce an upload",
            "announce a success",
            "announce an error",
            "come back later",
            "push",
        ],
    ),
    ("ws-authorizer", &[], &["use a ticket up"]),
    ("ws-connect", &[], &["register a page"]),
    ("ws-disconnect", &[], &["forget a page"]),
    (
        "ws-default",
        &[],
        &[
            "register a page",
            "list a tenant's jobs",
            "read many jobs",
            "push",
        ],
    ),
];

/// What nobody may do.
const NOBODY: &[&str] = &[
    "make a job from nothing",
    "delete a job",
    "read all jobs",
    "rewrite the audit log",
    "delete from the audit log",
    "write something else on the desk",
    "write an output",
    "write a failure",
    "delete an input",
    "delete the bucket",
    "empty a queue",
    "publish a result",
    "call somebody else's endpoint",
    "close a page",
    "grant itself more",
    "take another role",
    "call a function",
];

/// Those that do something where they are allowed.
const NOT_EVEN_ROOT: &[&str] = &[
    "delete the bucket",
    "empty a queue",
    "grant itself more",
    "take another role",
];

#[test]
fn a_function_may_do_what_it_does_and_nothing_else() {
    run(async |stack| {
        let roles = roles(stack).await;
        let names: BTreeSet<&str> = roles.iter().map(|(name, _)| name.as_str()).collect();
        let known: BTreeSet<&str> = MAY.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, known, "every function is in the list above");
        let mut wrong = Vec::new();
        for (function, arn) in &roles {
            let (_, shared, own) = MAY.iter().find(|(name, ..)| name == function).unwrap();
            let wanted: BTreeSet<&str> = shared
                .iter()
                .copied()
                .flatten()
                .chain(*own)
                .copied()
                .collect();
            let acts = acts(stack, arn);
            let all: BTreeSet<&str> = acts.iter().map(|act| act.what).collect();
            assert_eq!(all.len(), acts.len(), "an act has a name of its own");
            assert!(wanted.is_subset(&all), "{:?}", wanted.difference(&all));
            let credentials = assume(stack, arn).await;
            let tried = stream::iter(&acts).map(async |act| {
                let allowed = is_allowed(stack, act, &credentials).await;
                allowed.then_some(act.what)
            });
            let allowed: BTreeSet<&str> =
                tried.buffered(4).filter_map(async |it| it).collect().await;
            wrong.extend(
                wanted
                    .difference(&allowed)
                    .map(|act| format!("{function} may not {act}")),
            );
            wrong.extend(
                allowed
                    .difference(&wanted)
                    .map(|act| format!("{function} may {act}")),
            );
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        // Each act is one that somebody may do, so that it cannot be refused for being badly put, or one for nobody.
        let somebodys: BTreeSet<&str> = MAY
            .iter()
            .flat_map(|(_, shared, own)| shared.iter().copied().flatten().chain(*own))
            .chain(NOBODY)
            .copied()
            .collect();
        let all: BTreeSet<&str> = acts(stack, "").iter().map(|act| act.what).collect();
        assert_eq!(all, somebodys);
        // Root may do all of it.
        for act in acts(stack, &roles[0].1) {
            if !NOT_EVEN_ROOT.contains(&act.what) {
                assert!(
                    is_allowed(stack, &act, &root_credentials()).await,
                    "{}",
                    act.what
                );
            }
        }
    });
}

/// Every function and the ARN of its role.
async fn roles(stack: &Stack) -> Vec<(String, String)> {
    let list = Act::rest("list", "lambda", "GET", "/2015-03-31/functions");
    let (_, listed) = ask(stack, &list, &root_credentials()).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let text = |of: &Value| of.as_str().unwrap().to_owned();
    let functions = listed["Functions"].as_array().unwrap().iter();
    functions
        .map(|one| {
            let name = text(&one["FunctionName"]).replacen("docket-", "", 1);
            (name, text(&one["Role"]))
        })
        .collect()
}

/// Takes a function's role.
async fn assume(stack: &Stack, arn: &str) -> Credentials {
    let (status, said) = ask(stack, &acts::assume(arn, SESSION), &root_credentials()).await;
    assert_eq!(status, 200, "{said}");
    let part = |name: &str| {
        let (_, rest) = said.split_once(&format!("<{name}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    Credentials::new(
        part("AccessKeyId"),
        part("SecretAccessKey"),
        Some(part("SessionToken")),
        None,
        SESSION,
    )
}

/// Whether an act is refused for want of a grant. What becomes of it beside is of no interest.
async fn is_allowed(stack: &Stack, act: &Act, credentials: &Credentials) -> bool {
    let (status, said) = ask(stack, act, credentials).await;
    let unsigned = ["Signature", "InvalidClientTokenId", "UnrecognizedClient"];
    assert!(
        !unsigned.iter().any(|word| said.contains(word)),
        "{}: {said}",
        act.what
    );
    let refused = ["AccessDenied", "AuthorizationError", "not authorized to"];
    let refused = refused.iter().any(|word| said.contains(word));
    assert!(refused || status < 500, "{}: {status} {said}", act.what);
    !refused
}

async fn ask(stack: &Stack, act: &Act, credentials: &Credentials) -> (u16, String) {
    let mut request = Request::builder()
        .method(act.method)
        .uri(format!("{}{}", stack.cloud.url, act.path));
    for (name, value) in &act.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Bytes::from(act.body.clone())).unwrap();
    let request = sign_request(request, act.service, credentials).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}
