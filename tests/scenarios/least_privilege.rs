//! Sends every request of [`requests`] with the role of every function, and compares what is allowed with the lists
//! below.
//!
//! The lists are written by hand, not read from the template, so that a wider role has to be entered in both places.
//! Most requests have no effect even if they are allowed.

mod requests;

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
use requests::{AwsRequest, requests};

/// Role session name. `tests/grants.py` ignores the refusals of sessions that are not a function's own.
const SESSION: &str = "least-privilege-test";

/// Shared by the functions that change the state of jobs.
const CHANGES_JOBS: &[&str] = &[
    "read a job",
    "save a job",
    "update the next check of a job",
    "read the served models",
    "list connections",
    "delete a connection",
    "write a quarantine entry",
    "write a quarantined body",
    "read an input",
    "read an output",
    "list objects",
    "list object versions",
    "send a check",
    "publish an event",
    "push to a connection",
];
/// Shared by the functions that submit documents.
const SUBMITS_DOCUMENTS: &[&str] = &[
    "read an object version",
    "read a work copy",
    "write a work copy",
    "invoke an endpoint",
];

/// Shared by the functions that count failures and close circuit breakers.
const JUDGES_FAILURES: &[&str] = &[
    "read the pauses",
    "write the pauses",
    "read jobs in a batch",
    "list a tenant's jobs",
    "list all jobs",
];

/// The actions of a function.
struct Grants {
    function: &'static str,
    /// Actions that it shares with other functions.
    shared: &'static [&'static [&'static str]],
    own: &'static [&'static str],
}

impl Grants {
    fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.shared
            .iter()
            .copied()
            .flatten()
            .chain(self.own)
            .copied()
    }
}

const GRANTS: [Grants; 17] = [
    Grants {
        function: "upload-trigger",
        shared: &[CHANGES_JOBS, SUBMITS_DOCUMENTS],
        own: &[
            "receive uploads",
            "read an upload session",
            "read the pauses",
        ],
    },
    Grants {
        function: "inference-success",
        shared: &[CHANGES_JOBS, JUDGES_FAILURES],
        own: &[
            "receive success notifications",
            "delete a version of an output",
        ],
    },
    Grants {
        function: "inference-error",
        shared: &[CHANGES_JOBS, JUDGES_FAILURES],
        own: &[
            "receive error notifications",
            "read a failure",
            "delete a version of an output",
        ],
    },
    Grants {
        function: "retry",
        shared: &[CHANGES_JOBS, SUBMITS_DOCUMENTS, JUDGES_FAILURES],
        own: &[
            "receive checks",
            "read a failure",
            "list open jobs",
            "list queued jobs",
            "read whose turn it is",
            "write whose turn it is",
            "read a stopped plan",
        ],
    },
    Grants {
        function: "reconciler",
        shared: &[],
        own: &[
            "read a job",
            "read jobs in a batch",
            "update the next check of a job",
            "list all jobs",
            "list open jobs",
            "list queued jobs",
            "read the pauses",
            "read a retry plan",
            "read a stopped plan",
            "write a retry plan",
            "delete a retry plan",
            "list retry plans",
            "read counted usage",
            "write counted usage",
            "list recorded instances",
            "write a quarantine entry",
            "write a quarantined body",
            "read what was observed of instances",
            "write what was observed of instances",
            "read the scan checkpoint",
            "write the scan checkpoint",
            "list object versions",
            "receive dead letters",
            "delete dead letters",
            "send to queue uploads",
            "send to queue inference-success",
            "send to queue inference-error",
            "send a check",
            "send to queue events",
            "send to queue webhooks",
            "send to queue digests",
        ],
    },
    Grants {
        function: "capacity",
        shared: &[],
        own: &[
            "read a job",
            "list open jobs",
            "list queued jobs",
            "read the pauses",
            "write the pauses",
            "send a check",
            "read what was observed of instances",
            "write what was observed of instances",
            "record instances",
            "read the served models",
            "write the served models",
            "read the scan checkpoint",
            "write the scan checkpoint",
        ],
    },
    Grants {
        function: "audit-events",
        shared: &[],
        own: &["publish an event"],
    },
    Grants {
        function: "retention",
        shared: &[],
        own: &[
            "read a job",
            "read jobs in a batch",
            "save a job",
            "update the next check of a job",
            "list a tenant's jobs",
            "list connections",
            "delete a connection",
            "read an upload session",
            "create an upload session",
            "forget an idempotency key",
            "forget the uploads of a content",
            "write an audit entry",
            "read a quarantine entry",
            "list quarantine entries",
            "delete a quarantine entry",
            "read a quarantined body",
            "list objects",
            "list object versions",
            "delete a version of an input",
            "delete a version of an output",
            "delete a version of a quarantined body",
            "push to a connection",
        ],
    },
    Grants {
        function: "support-api",
        shared: &[],
        own: &[
            "read a job",
            "read jobs in a batch",
            "save a job",
            "update the next check of a job",
            "list a tenant's jobs",
            "list all jobs",
            "list open jobs",
            "list queued jobs",
            "list failed jobs",
            "list jobs by reference",
            "list the jobs of a batch",
            "list connections",
            "delete a connection",
            "issue a ticket",
            "read an upload session",
            "create an upload session",
            "read an idempotency key",
            "claim an idempotency key",
            "forget an idempotency key",
            "read the uploads of a content",
            "record the upload of a content",
            "forget the uploads of a content",
            "write an audit entry",
            "read the audit log",
            "list webhooks",
            "read the state of a webhook",
            "read a recipient of digests",
            "read a retry plan",
            "read a stopped plan",
            "write a retry plan",
            "delete a retry plan",
            "list retry plans",
            "read the served models",
            "read the pauses",
            "write the pauses",
            "read a quarantine entry",
            "list quarantine entries",
            "mark a quarantine entry as redriven",
            "delete a quarantine entry",
            "read the scan checkpoint",
            "write the scan checkpoint",
            "read an input",
            "read an object version",
            "write an input",
            "abort a multipart upload",
            "list the parts of a multipart upload",
            "read an output",
            "read a version of an output",
            "sign a receipt",
            "read the receipts' key",
            "read a quarantined body",
            "list objects",
            "list object versions",
            "delete a version of an input",
            "delete a version of an output",
            "delete a version of a quarantined body",
            "send to queue uploads",
            "send to queue inference-success",
            "send to queue inference-error",
            "send a check",
            "send to queue events",
            "send to queue webhooks",
            "send to queue digests",
            "push to a connection",
        ],
    },
    Grants {
        function: "event-feed",
        shared: &[],
        own: &[
            "receive events",
            "read the head of a feed",
            "write the head of a feed",
            "write a segment of a feed",
            "list webhooks",
            "send to queue webhooks",
            "list recipients of digests",
            "send to queue digests",
            "write a quarantine entry",
            "write a quarantined body",
        ],
    },
    Grants {
        function: "webhooks",
        shared: &[],
        own: &[
            "receive instructions",
            "send to queue webhooks",
            "read a job",
            "read a webhook",
            "read the head of a feed",
            "read a segment of a feed",
            "read the state of a webhook",
            "write the state of a webhook",
            "write a delivery",
            "write a quarantine entry",
            "write a quarantined body",
        ],
    },
    Grants {
        function: "digests",
        shared: &[],
        own: &[
            "receive digest instructions",
            "send to queue digests",
            "read a job",
            "read jobs in a batch",
            "list the jobs of a batch",
            "read the head of a feed",
            "read a segment of a feed",
            "read settings of digests",
            "read the state of digests",
            "write the state of digests",
            "read a recipient of digests",
            "write a recipient of digests",
            "list recipients of digests",
            "list webhooks",
            "read the state of a webhook",
            "look up a user",
            "list the groups of a user",
            "send a mail",
            "write a quarantine entry",
            "write a quarantined body",
        ],
    },
    Grants {
        function: "events-api",
        shared: &[],
        own: &[
            "read the head of a feed",
            "read a segment of a feed",
            "read the scan checkpoint",
            "write the scan checkpoint",
            "read a webhook",
            "write a webhook",
            "delete a webhook",
            "list webhooks",
            "read the state of a webhook",
            "write the state of a webhook",
            "delete the state of a webhook",
            "list deliveries",
            "read counted usage",
            "list counted usage",
            "list recorded instances",
            "write an audit entry",
            "send to queue webhooks",
            "read a recipient of digests",
            "write a recipient of digests",
            "list recipients of digests",
            "read settings of digests",
            "write settings of digests",
            "read the state of digests",
            "write the state of digests",
            "send to queue digests",
            "end the sessions of a user",
        ],
    },
    Grants {
        function: "ws-authorizer",
        shared: &[],
        own: &["consume a ticket"],
    },
    Grants {
        function: "ws-connect",
        shared: &[],
        own: &["register a connection"],
    },
    Grants {
        function: "ws-disconnect",
        shared: &[],
        own: &["delete a connection"],
    },
    Grants {
        function: "ws-default",
        shared: &[],
        own: &[
            "register a connection",
            "list a tenant's jobs",
            "read jobs in a batch",
            "push to a connection",
        ],
    },
];

/// Not granted to any function.
const NOT_GRANTED: &[&str] = &[
    "put a job",
    "delete a job",
    "scan the job table",
    "change an audit entry",
    "delete an audit entry",
    "write any other record",
    "write an output",
    "write a failure",
    "delete an input",
    "delete the bucket",
    "purge a queue",
    "publish to a result topic",
    "invoke another endpoint",
    "close a connection",
    "delete a user",
    "send a mail as another sender",
    "change its own policy",
    "assume a role",
    "invoke a function",
];

/// Requests that have an effect if they are allowed.
const HAS_EFFECT: &[&str] = &[
    "delete the bucket",
    "purge a queue",
    "change its own policy",
    "assume a role",
];

#[test]
fn every_function_is_limited_to_its_grants() {
    run(async |stack| {
        let roles = roles(stack).await;
        let names: BTreeSet<&str> = roles.iter().map(|role| role.function.as_str()).collect();
        let known: BTreeSet<&str> = GRANTS.iter().map(|grants| grants.function).collect();
        assert_eq!(names, known, "GRANTS lists every function");
        let mut problems = Vec::new();
        for FunctionRole { function, arn } in &roles {
            let grants = GRANTS.iter().find(|grants| grants.function == function);
            let wanted: BTreeSet<&str> = grants.unwrap().actions().collect();
            let requests = requests(stack, arn);
            let all: BTreeSet<&str> = requests.iter().map(|request| request.action).collect();
            assert_eq!(all.len(), requests.len(), "names of actions are unique");
            assert!(wanted.is_subset(&all), "{:?}", wanted.difference(&all));
            let credentials = assume(stack, arn).await;
            let tried = stream::iter(&requests).map(async |request| {
                let allowed = is_allowed(stack, request, &credentials).await;
                allowed.then_some(request.action)
            });
            let allowed: BTreeSet<&str> =
                tried.buffered(4).filter_map(async |it| it).collect().await;
            problems.extend(
                wanted
                    .difference(&allowed)
                    .map(|action| format!("{function} is not allowed to {action}")),
            );
            problems.extend(
                allowed
                    .difference(&wanted)
                    .map(|action| format!("{function} is allowed to {action}")),
            );
        }
        assert!(problems.is_empty(), "{problems:#?}");
        // Every request is granted to a function, which shows that it is well formed, or is listed in NOT_GRANTED.
        let listed: BTreeSet<&str> = GRANTS
            .iter()
            .flat_map(Grants::actions)
            .chain(NOT_GRANTED.iter().copied())
            .collect();
        let all: BTreeSet<&str> = requests(stack, "")
            .iter()
            .map(|request| request.action)
            .collect();
        assert_eq!(all, listed);
        // Root is allowed everything.
        for request in requests(stack, &roles[0].arn) {
            if !HAS_EFFECT.contains(&request.action) {
                let allowed = is_allowed(stack, &request, &root_credentials()).await;
                assert!(allowed, "{}", request.action);
            }
        }
    });
}

/// A function and the ARN of its role.
struct FunctionRole {
    function: String,
    arn: String,
}

async fn roles(stack: &Stack) -> Vec<FunctionRole> {
    let list = AwsRequest::rest("list", "lambda", "GET", "/2015-03-31/functions");
    let (_, listed) = send(stack, &list, &root_credentials()).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let functions = listed["Functions"].as_array().unwrap().iter();
    functions
        .map(|function| FunctionRole {
            function: text(&function["FunctionName"]).replacen("docket-", "", 1),
            arn: text(&function["Role"]),
        })
        .collect()
}

/// The credentials of a role.
async fn assume(stack: &Stack, arn: &str) -> Credentials {
    let request = requests::assume_role(arn, SESSION);
    let (status, body) = send(stack, &request, &root_credentials()).await;
    assert_eq!(status, 200, "{body}");
    let part = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>")).unwrap();
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

/// Whether a request is authorized. Other errors do not matter.
async fn is_allowed(stack: &Stack, request: &AwsRequest, credentials: &Credentials) -> bool {
    let (status, body) = send(stack, request, credentials).await;
    let unsigned = ["Signature", "InvalidClientTokenId", "UnrecognizedClient"];
    assert!(
        !unsigned.iter().any(|word| body.contains(word)),
        "{}: {body}",
        request.action
    );
    let refused = ["AccessDenied", "AuthorizationError", "not authorized to"];
    let refused = refused.iter().any(|word| body.contains(word));
    assert!(
        refused || status < 500,
        "{}: {status} {body}",
        request.action
    );
    !refused
}

/// Sends a request. Returns the status and the body of the response.
async fn send(stack: &Stack, aws_request: &AwsRequest, credentials: &Credentials) -> (u16, String) {
    let mut request = Request::builder()
        .method(aws_request.method)
        .uri(format!("{}{}", stack.cloud.url, aws_request.path));
    for (name, value) in &aws_request.headers {
        request = request.header(*name, value);
    }
    let request = request.body(Bytes::from(aws_request.body.clone())).unwrap();
    let request = sign_request(request, aws_request.service, credentials).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}
