//! Calls of AWS, put so that they are decided on and then come to nothing.

use devstack::Stack;
use serde_json::{Value, json};

const JSON: &str = "application/x-amz-json-1.0";
const FORM: &str = "application/x-www-form-urlencoded";

/// A call.
pub(crate) struct Act {
    pub(crate) what: &'static str,
    /// As it goes by in signatures.
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Act {
    pub(crate) fn rest(
        what: &'static str,
        service: &'static str,
        method: &'static str,
        path: impl Into<String>,
    ) -> Self {
        Self {
            what,
            service,
            method,
            path: path.into(),
            headers: vec![],
            body: String::new(),
        }
    }

    fn json(what: &'static str, service: &'static str, target: &str, body: &Value) -> Self {
        let headers = vec![
            ("content-type", JSON.to_owned()),
            ("x-amz-target", target.to_owned()),
        ];
        let body = body.to_string();
        Self {
            headers,
            body,
            ..Self::rest(what, service, "POST", "/")
        }
    }

    fn form(what: &'static str, service: &'static str, body: String) -> Self {
        let headers = vec![("content-type", FORM.to_owned())];
        Self {
            headers,
            body,
            ..Self::rest(what, service, "POST", "/")
        }
    }
}

/// Taking a role.
pub(crate) fn assume(arn: &str, session: &str) -> Act {
    let body = format!(
        "Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName={session}&DurationSeconds=900"
    );
    Act::form("take another role", "sts", body)
}

/// All that is tried, by the names that the lists of grants use. `arn` is the role of whoever tries.
pub(crate) fn acts(stack: &Stack, arn: &str) -> Vec<Act> {
    let mut all = jobs(&stack.outputs.jobs_table_name);
    all.extend(pages(&stack.outputs.connections_table_name));
    all.extend(desk(&stack.outputs.records_table_name));
    all.extend(objects(&stack.outputs.jobs_bucket_name));
    all.extend(queues(stack));
    all.extend(others(stack, arn));
    all
}

fn row(what: &'static str, operation: &str, table: &str, more: Value) -> Act {
    let mut body = json!({"TableName": table});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    Act::json(
        what,
        "dynamodb",
        &format!("DynamoDB_20120810.{operation}"),
        &body,
    )
}

/// Fails unless the item is there, and it never is.
fn unless_there(key: &str) -> String {
    format!("attribute_exists({key})")
}

fn jobs(table: &str) -> Vec<Act> {
    let key = json!({"job_id": {"S": "outside"}});
    let there = unless_there("job_id");
    let list = |what, index: &str, key: &str, value: Value| {
        let query = json!({"IndexName": index, "KeyConditionExpression": format!("{key} = :here"),
            "ExpressionAttributeValues": {":here": value}});
        row(what, "Query", table, query)
    };
    let update = |what, expression: &str| {
        let update = json!({"Key": key, "UpdateExpression": expression, "ConditionExpression": "next_check_at = :now",
            "ExpressionAttributeValues": {":now": {"N": "1"}}});
        row(what, "UpdateItem", table, update)
    };
    let many = json!({"RequestItems": {table: {"Keys": [key]}}});
    vec![
        row("read a job", "GetItem", table, json!({"Key": key})),
        Act::json(
            "read many jobs",
            "dynamodb",
            "DynamoDB_20120810.BatchGetItem",
            &many,
        ),
        update("move a job in its index", "SET next_check_at = :now"),
        update("save a job", "SET attempts = :now"),
        row(
            "make a job from nothing",
            "PutItem",
            table,
            json!({"Item": key, "ConditionExpression": there}),
        ),
        row("delete a job", "DeleteItem", table, json!({"Key": key})),
        row("read all jobs", "Scan", table, json!({"Limit": 1})),
        list(
            "list a tenant's jobs",
            "by_tenant",
            "tenant_class",
            json!({"S": "outside#open"}),
        ),
        list(
            "list open jobs",
            "by_next_check",
            "check_shard",
            json!({"N": "999"}),
        ),
        list(
            "list failed jobs",
            "by_failed",
            "failed_shard",
            json!({"N": "999"}),
        ),
    ]
}

fn pages(table: &str) -> Vec<Act> {
    let key = json!({"tenant": {"S": "outside"}, "connection_id": {"S": "outside"}});
    let query = json!({"KeyConditionExpression": "tenant = :here", "ExpressionAttributeValues": {":here": {"S": "outside"}}});
    let put = json!({"Item": key, "ConditionExpression": unless_there("tenant")});
    vec![
        row("see who watches", "Query", table, query),
        row("register a page", "PutItem", table, put),
        row("forget a page", "DeleteItem", table, json!({"Key": key})),
    ]
}

fn desk(table: &str) -> Vec<Act> {
    let key = |folder: &str| json!({"pk": {"S": folder}, "sk": {"S": "outside"}});
    let get = |what, folder: &str| row(what, "GetItem", table, json!({"Key": key(folder)}));
    let drop = |what, folder: &str| row(what, "DeleteItem", table, json!({"Key": key(folder)}));
    let put = |what, folder: &str| {
        let put = json!({"Item": key(folder), "ConditionExpression": unless_there("pk")});
        row(what, "PutItem", table, put)
    };
    let update = |what, folder: &str| {
        let update = json!({"Key": key(folder), "UpdateExpression": "SET replayed_at = :now",
            "ConditionExpression": unless_there("pk"), "ExpressionAttributeValues": {":now": {"N": "1"}}});
        row(what, "UpdateItem", table, update)
    };
    let list = |what, folder: &str| {
        let query = json!({"KeyConditionExpression": "pk = :here", "Limit": 1,
            "ExpressionAttributeValues": {":here": {"S": folder}}});
        row(what, "Query", table, query)
    };
    vec![
        put("issue a ticket", "ticket#outside"),
        drop("use a ticket up", "ticket#outside"),
        get("see whose upload it is", "upload#outside"),
        put("announce whose upload it is", "upload#outside"),
        put("write the audit log", "audit"),
        list("read the audit log", "audit"),
        update("rewrite the audit log", "audit"),
        drop("delete from the audit log", "audit"),
        get("read a plan", "plan#outside"),
        put("write a plan", "plan"),
        drop("drop a plan", "plan-active"),
        list("list plans", "plan-active"),
        put("keep a message", "quarantine"),
        get("look at a kept message", "quarantine"),
        list("list kept messages", "quarantine"),
        update("mark a kept message", "quarantine"),
        drop("drop a kept message", "quarantine"),
        get("read a note", "note"),
        put("write a note", "note"),
        put("write something else on the desk", "outside"),
    ]
}

fn objects(bucket: &str) -> Vec<Act> {
    let object = |what, method, folder: &str, query: &str| {
        Act::rest(
            what,
            "s3",
            method,
            format!("/{bucket}/{folder}/outside/the-grants{query}"),
        )
    };
    let get = |what, folder: &str| object(what, "GET", folder, "");
    let put = |what, folder: &str| Act {
        // Only over an object that is there.
        headers: vec![(
            "if-match",
            "\"00000000000000000000000000000000\"".to_owned(),
        )],
        ..object(what, "PUT", folder, "")
    };
    let version = "?versionId=3HL4kqtJlcpXrof3vjVBH40Nrjfkd";
    let upload = "?uploadId=outside";
    vec![
        get("read an input", "inbound"),
        object("read a version", "GET", "inbound-batches", version),
        get("read an output", "outbound"),
        get("read a failure", "failure"),
        get("read a copy", "work"),
        get("read a long message", "quarantine"),
        put("write an input", "inbound-documents"),
        put("write an output", "outbound"),
        put("write a failure", "failure"),
        put("write a copy", "work"),
        put("keep a long message", "quarantine"),
        object("give an upload up", "DELETE", "inbound", upload),
        object("see the parts of an upload", "GET", "inbound", upload),
        object("delete an input", "DELETE", "inbound", ""),
        object(
            "delete a version of an input",
            "DELETE",
            "inbound-batches",
            version,
        ),
        object(
            "delete a version of an output",
            "DELETE",
            "outbound",
            version,
        ),
        Act::rest(
            "list the bucket",
            "s3",
            "GET",
            format!("/{bucket}?list-type=2&max-keys=1"),
        ),
        Act::rest(
            "list versions",
            "s3",
            "GET",
            format!("/{bucket}?max-keys=1&versions="),
        ),
        Act::rest("delete the bucket", "s3", "DELETE", format!("/{bucket}")),
    ]
}

fn queues(stack: &Stack) -> Vec<Act> {
    let outputs = &stack.outputs;
    let call = |what, operation: &str, queue: &str, more: Value| {
        let mut body = more;
        body["QueueUrl"] = queue.into();
        Act::json(what, "sqs", &format!("AmazonSQS.{operation}"), &body)
    };
    // An empty message is none, and eleven are too many.
    let send = |what, queue| call(what, "SendMessage", queue, json!({"MessageBody": ""}));
    let receive = |what, queue| {
        call(
            what,
            "ReceiveMessage",
            queue,
            json!({"MaxNumberOfMessages": 11}),
        )
    };
    let receipt = json!({"ReceiptHandle": "outside"});
    vec![
        send("announce an upload", &outputs.uploads_queue_url),
        send("announce a success", &outputs.inference_success_queue_url),
        send("announce an error", &outputs.inference_error_queue_url),
        send("come back later", &outputs.checks_queue_url),
        receive("receive uploads", &outputs.uploads_queue_url),
        receive("receive successes", &outputs.inference_success_queue_url),
        receive("receive errors", &outputs.inference_error_queue_url),
        receive("receive wake-ups", &outputs.checks_queue_url),
        receive("receive dead letters", &outputs.checks_dead_letters_url),
        call(
            "delete dead letters",
            "DeleteMessage",
            &outputs.uploads_dead_letters_url,
            receipt,
        ),
        call(
            "empty a queue",
            "PurgeQueue",
            &outputs.uploads_queue_url,
            json!({}),
        ),
    ]
}

fn others(stack: &Stack, arn: &str) -> Vec<Act> {
    let outputs = &stack.outputs;
    let role = arn.rsplit('/').next().unwrap();
    // Neither source nor text: the entry is refused, the call is not.
    let event =
        json!({"Entries": [{"EventBusName": outputs.event_bus_name, "DetailType": "outside"}]});
    let api = outputs
        .web_socket_management_url
        .strip_prefix(&stack.cloud.url)
        .unwrap();
    let page = |what, method| {
        Act::rest(
            what,
            "execute-api",
            method,
            format!("{api}/@connections/outside"),
        )
    };
    let invoke = |what, endpoint: &str| Act {
        headers: vec![(
            "x-amzn-sagemaker-inputlocation",
            "s3://outside/x".to_owned(),
        )],
        ..Act::rest(
            what,
            "sagemaker",
            "POST",
            format!("/endpoints/{endpoint}/async-invocations"),
        )
    };
    let topic = &outputs.inference_success_topic_arn;
    vec![
        Act::json("announce", "events", "AWSEvents.PutEvents", &event),
        page("push", "POST"),
        page("close a page", "DELETE"),
        invoke("call an endpoint", "docket-outside"),
        invoke("call somebody else's endpoint", "outside"),
        Act::form(
            "publish a result",
            "sns",
            format!("Action=Publish&Version=2010-03-31&TopicArn={topic}&Message="),
        ),
        Act::form(
            "grant itself more",
            "iam",
            format!(
                "Action=PutRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName=x&PolicyDocument=x"
            ),
        ),
        assume(arn, "another"),
        Act {
            headers: vec![("x-amz-invocation-type", "DryRun".to_owned())],
            ..Act::rest(
                "call a function",
                "lambda",
                "POST",
                "/2015-03-31/functions/docket-ws-connect/invocations",
            )
        },
    ]
}
