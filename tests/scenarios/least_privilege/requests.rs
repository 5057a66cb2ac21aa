//! Requests to AWS that are authorized and then have no effect: they name what does not exist, or lack a parameter.

use devstack::Stack;
use serde_json::{Value, json};

const JSON: &str = "application/x-amz-json-1.0";
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) struct AwsRequest {
    /// Names the request in the lists of grants.
    pub(crate) action: &'static str,
    /// As in SigV4's credential scope.
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl AwsRequest {
    pub(crate) fn rest(
        action: &'static str,
        service: &'static str,
        method: &'static str,
        path: impl Into<String>,
    ) -> Self {
        Self {
            action,
            service,
            method,
            path: path.into(),
            headers: vec![],
            body: String::new(),
        }
    }

    fn json(action: &'static str, service: &'static str, target: &str, body: &Value) -> Self {
        let headers = vec![
            ("content-type", JSON.to_owned()),
            ("x-amz-target", target.to_owned()),
        ];
        let body = body.to_string();
        Self {
            headers,
            body,
            ..Self::rest(action, service, "POST", "/")
        }
    }

    fn form(action: &'static str, service: &'static str, body: String) -> Self {
        let headers = vec![("content-type", FORM.to_owned())];
        Self {
            headers,
            body,
            ..Self::rest(action, service, "POST", "/")
        }
    }
}

pub(crate) fn assume_role(arn: &str, session: &str) -> AwsRequest {
    let body = format!(
        "Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName={session}&DurationSeconds=900"
    );
    AwsRequest::form("assume a role", "sts", body)
}

/// All requests. `arn` is the role of the caller.
pub(crate) fn requests(stack: &Stack, arn: &str) -> Vec<AwsRequest> {
    let mut all = job_requests(&stack.outputs.jobs_table_name);
    all.extend(connection_requests(&stack.outputs.connections_table_name));
    all.extend(record_requests(&stack.outputs.records_table_name));
    all.extend(object_requests(&stack.outputs.jobs_bucket_name));
    all.extend(queue_requests(stack));
    all.extend(other_requests(stack, arn));
    all
}

fn table_request(
    action: &'static str,
    operation: &str,
    table: &str,
    parameters: Value,
) -> AwsRequest {
    let mut body = json!({"TableName": table});
    for (name, value) in parameters.as_object().unwrap() {
        body[name] = value.clone();
    }
    AwsRequest::json(
        action,
        "dynamodb",
        &format!("DynamoDB_20120810.{operation}"),
        &body,
    )
}

/// A condition that fails, because the item does not exist.
fn item_exists(key: &str) -> String {
    format!("attribute_exists({key})")
}

fn job_requests(table: &str) -> Vec<AwsRequest> {
    let key = json!({"job_id": {"S": "outside"}});
    let exists = item_exists("job_id");
    let list = |action, index: &str, key: &str, value: Value| {
        let query = json!({"IndexName": index, "KeyConditionExpression": format!("{key} = :here"),
            "ExpressionAttributeValues": {":here": value}});
        table_request(action, "Query", table, query)
    };
    let update = |action, expression: &str| {
        let update = json!({"Key": key, "UpdateExpression": expression, "ConditionExpression": "next_check_at = :now",
            "ExpressionAttributeValues": {":now": {"N": "1"}}});
        table_request(action, "UpdateItem", table, update)
    };
    let batch = json!({"RequestItems": {table: {"Keys": [key]}}});
    vec![
        table_request("read a job", "GetItem", table, json!({"Key": key})),
        AwsRequest::json(
            "read jobs in a batch",
            "dynamodb",
            "DynamoDB_20120810.BatchGetItem",
            &batch,
        ),
        update("update the next check of a job", "SET next_check_at = :now"),
        update("save a job", "SET attempts = :now"),
        table_request(
            "put a job",
            "PutItem",
            table,
            json!({"Item": key, "ConditionExpression": exists}),
        ),
        table_request("delete a job", "DeleteItem", table, json!({"Key": key})),
        table_request("scan the job table", "Scan", table, json!({"Limit": 1})),
        list(
            "list a tenant's jobs",
            "by_tenant",
            "tenant_status_group",
            json!({"S": "outside#open"}),
        ),
        list(
            "list open jobs",
            "by_next_check",
            "check_shard",
            json!({"N": "999"}),
        ),
        list(
            "list queued jobs",
            "by_queue",
            "queue_shard",
            json!({"N": "999"}),
        ),
        list(
            "list failed jobs",
            "by_failed",
            "failed_shard",
            json!({"N": "999"}),
        ),
        list(
            "list jobs by reference",
            "by_reference",
            "tenant_reference",
            json!({"S": "outside#1"}),
        ),
        list(
            "list the jobs of a batch",
            "by_batch",
            "tenant_batch",
            json!({"S": "outside#1"}),
        ),
        list("list all jobs", "by_created", "shard", json!({"N": "999"})),
    ]
}

fn connection_requests(table: &str) -> Vec<AwsRequest> {
    let key = json!({"tenant": {"S": "outside"}, "connection_id": {"S": "outside"}});
    let query = json!({"KeyConditionExpression": "tenant = :here", "ExpressionAttributeValues": {":here": {"S": "outside"}}});
    let put = json!({"Item": key, "ConditionExpression": item_exists("tenant")});
    vec![
        table_request("list connections", "Query", table, query),
        table_request("register a connection", "PutItem", table, put),
        table_request(
            "delete a connection",
            "DeleteItem",
            table,
            json!({"Key": key}),
        ),
    ]
}

fn record_requests(table: &str) -> Vec<AwsRequest> {
    let key = |prefix: &str| json!({"pk": {"S": prefix}, "sk": {"S": "outside"}});
    let get =
        |action, prefix: &str| table_request(action, "GetItem", table, json!({"Key": key(prefix)}));
    let drop = |action, prefix: &str| {
        table_request(action, "DeleteItem", table, json!({"Key": key(prefix)}))
    };
    let put = |action, prefix: &str| {
        let put = json!({"Item": key(prefix), "ConditionExpression": item_exists("pk")});
        table_request(action, "PutItem", table, put)
    };
    let update = |action, prefix: &str| {
        let update = json!({"Key": key(prefix), "UpdateExpression": "SET redriven_at = :now",
            "ConditionExpression": item_exists("pk"), "ExpressionAttributeValues": {":now": {"N": "1"}}});
        table_request(action, "UpdateItem", table, update)
    };
    let list = |action, prefix: &str| {
        let query = json!({"KeyConditionExpression": "pk = :here", "Limit": 1,
            "ExpressionAttributeValues": {":here": {"S": prefix}}});
        table_request(action, "Query", table, query)
    };
    vec![
        put("issue a ticket", "ticket#outside"),
        drop("consume a ticket", "ticket#outside"),
        get("read an upload session", "upload#outside"),
        put("create an upload session", "upload#outside"),
        get("read an idempotency key", "idempotency#outside"),
        put("claim an idempotency key", "idempotency#outside"),
        drop("forget an idempotency key", "idempotency#outside"),
        get("read the uploads of a content", "content#outside"),
        put("record the upload of a content", "content#outside"),
        drop("forget the uploads of a content", "content#outside"),
        put("write an audit entry", "audit"),
        list("read the audit log", "audit"),
        update("change an audit entry", "audit"),
        drop("delete an audit entry", "audit"),
        get("read a retry plan", "plan#outside"),
        put("write a retry plan", "plan"),
        drop("delete a retry plan", "plan-active"),
        list("list retry plans", "plan-active"),
        get("read a stopped plan", "plan-stopped"),
        get("read the pauses", "pauses"),
        put("write the pauses", "pauses"),
        get("read whose turn it is", "turns"),
        put("write whose turn it is", "turns"),
        put("write a quarantine entry", "quarantine"),
        get("read a quarantine entry", "quarantine"),
        list("list quarantine entries", "quarantine"),
        update("mark a quarantine entry as redriven", "quarantine"),
        drop("delete a quarantine entry", "quarantine"),
        get("read what was observed of instances", "capacity"),
        put("write what was observed of instances", "capacity"),
        get("read the served models", "models"),
        put("write the served models", "models"),
        get("read the scan checkpoint", "state"),
        put("write the scan checkpoint", "state"),
        get("read the head of a feed", "feed-head#outside"),
        put("write the head of a feed", "feed-head#outside"),
        get("read a segment of a feed", "feed#outside"),
        put("write a segment of a feed", "feed#outside"),
        get("read a webhook", "webhook#outside"),
        put("write a webhook", "webhook#outside"),
        drop("delete a webhook", "webhook#outside"),
        list("list webhooks", "webhook#outside"),
        get("read the state of a webhook", "webhook-state#outside"),
        put("write the state of a webhook", "webhook-state#outside"),
        drop("delete the state of a webhook", "webhook-state#outside"),
        put("write a delivery", "webhook-log#outside"),
        list("list deliveries", "webhook-log#outside"),
        get("read a recipient of digests", "digest-recipient#outside"),
        put("write a recipient of digests", "digest-recipient#outside"),
        list("list recipients of digests", "digest-recipient#outside"),
        get("read settings of digests", "digest-settings#outside"),
        put("write settings of digests", "digest-settings#outside"),
        get("read the state of digests", "digest-state#outside"),
        put("write the state of digests", "digest-state#outside"),
        get("read counted usage", "usage#outside"),
        put("write counted usage", "usage#outside"),
        list("list counted usage", "usage#outside"),
        put("record instances", "instances#outside"),
        list("list recorded instances", "instances#outside"),
        put("write any other record", "outside"),
    ]
}

fn object_requests(bucket: &str) -> Vec<AwsRequest> {
    let object = |action, method, prefix: &str, query: &str| {
        AwsRequest::rest(
            action,
            "s3",
            method,
            format!("/{bucket}/{prefix}/outside/object{query}"),
        )
    };
    let get = |action, prefix: &str| object(action, "GET", prefix, "");
    let put = |action, prefix: &str| AwsRequest {
        // Only replaces an existing object.
        headers: vec![(
            "if-match",
            "\"00000000000000000000000000000000\"".to_owned(),
        )],
        ..object(action, "PUT", prefix, "")
    };
    let version = "?versionId=3HL4kqtJlcpXrof3vjVBH40Nrjfkd";
    let upload = "?uploadId=outside";
    vec![
        get("read an input", "inbound"),
        object("read an object version", "GET", "inbound-batches", version),
        get("read an output", "outbound"),
        object("read a version of an output", "GET", "outbound", version),
        get("read a failure", "failure"),
        get("read a work copy", "work"),
        get("read a quarantined body", "quarantine"),
        put("write an input", "inbound-documents"),
        put("write an output", "outbound"),
        put("write a failure", "failure"),
        put("write a work copy", "work"),
        put("write a quarantined body", "quarantine"),
        object("abort a multipart upload", "DELETE", "inbound", upload),
        object(
            "list the parts of a multipart upload",
            "GET",
            "inbound",
            upload,
        ),
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
        object(
            "delete a version of a quarantined body",
            "DELETE",
            "quarantine",
            version,
        ),
        AwsRequest::rest(
            "list objects",
            "s3",
            "GET",
            format!("/{bucket}?list-type=2&max-keys=1"),
        ),
        AwsRequest::rest(
            "list object versions",
            "s3",
            "GET",
            format!("/{bucket}?max-keys=1&versions="),
        ),
        AwsRequest::rest("delete the bucket", "s3", "DELETE", format!("/{bucket}")),
    ]
}

fn queue_requests(stack: &Stack) -> Vec<AwsRequest> {
    let outputs = &stack.outputs;
    let call = |action, operation: &str, queue: &str, parameters: Value| {
        let mut body = parameters;
        body["QueueUrl"] = queue.into();
        AwsRequest::json(action, "sqs", &format!("AmazonSQS.{operation}"), &body)
    };
    // Rejected after authorization: an empty body, and more than ten messages.
    let send = |action, queue| call(action, "SendMessage", queue, json!({"MessageBody": ""}));
    let receive = |action, queue| {
        call(
            action,
            "ReceiveMessage",
            queue,
            json!({"MaxNumberOfMessages": 11}),
        )
    };
    let receipt = json!({"ReceiptHandle": "outside"});
    vec![
        send("send to queue uploads", &outputs.uploads_queue_url),
        send(
            "send to queue inference-success",
            &outputs.inference_success_queue_url,
        ),
        send(
            "send to queue inference-error",
            &outputs.inference_error_queue_url,
        ),
        send("send a check", &outputs.checks_queue_url),
        send("send to queue events", &outputs.events_queue_url),
        send("send to queue webhooks", &outputs.webhooks_queue_url),
        send("send to queue digests", &outputs.digests_queue_url),
        receive("receive digest instructions", &outputs.digests_queue_url),
        receive("receive events", &outputs.events_queue_url),
        receive("receive instructions", &outputs.webhooks_queue_url),
        receive("receive uploads", &outputs.uploads_queue_url),
        receive(
            "receive success notifications",
            &outputs.inference_success_queue_url,
        ),
        receive(
            "receive error notifications",
            &outputs.inference_error_queue_url,
        ),
        receive("receive checks", &outputs.checks_queue_url),
        receive("receive dead letters", &outputs.checks_dead_letters_url),
        call(
            "delete dead letters",
            "DeleteMessage",
            &outputs.uploads_dead_letters_url,
            receipt,
        ),
        call(
            "purge a queue",
            "PurgeQueue",
            &outputs.uploads_queue_url,
            json!({}),
        ),
    ]
}

fn other_requests(stack: &Stack, arn: &str) -> Vec<AwsRequest> {
    let outputs = &stack.outputs;
    let role = arn.rsplit('/').next().unwrap();
    // The call succeeds; its entry is rejected for lack of source and detail.
    let event =
        json!({"Entries": [{"EventBusName": outputs.event_bus_name, "DetailType": "outside"}]});
    let api = outputs
        .web_socket_management_url
        .strip_prefix(&stack.cloud.url)
        .unwrap();
    let connection = |action, method| {
        AwsRequest::rest(
            action,
            "execute-api",
            method,
            format!("{api}/@connections/outside"),
        )
    };
    let invoke = |action, endpoint: &str| AwsRequest {
        headers: vec![(
            "x-amzn-sagemaker-inputlocation",
            "s3://outside/x".to_owned(),
        )],
        ..AwsRequest::rest(
            action,
            "sagemaker",
            "POST",
            format!("/endpoints/{endpoint}/async-invocations"),
        )
    };
    // A message of another kind than the key's algorithm takes.
    let sign = json!({"KeyId": outputs.receipt_key_arn, "Message": "AA==", "MessageType": "DIGEST",
        "SigningAlgorithm": "ED25519_SHA_512"});
    let key = json!({"KeyId": outputs.receipt_key_arn});
    let topic = &outputs.inference_success_topic_arn;
    let user = json!({"UserPoolId": outputs.user_pool_id, "Username": "outside"});
    let cognito = |action, operation: &str| {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        AwsRequest::json(action, "cognito-idp", &target, &user)
    };
    // There is no such template.
    let mail = |action, sender: &str| AwsRequest {
        headers: vec![("content-type", "application/json".to_owned())],
        body: json!({"FromEmailAddress": sender, "Destination": {},
            "Content": {"Template": {"TemplateName": "outside", "TemplateData": "{}"}}})
        .to_string(),
        ..AwsRequest::rest(action, "ses", "POST", "/v2/email/outbound-emails")
    };
    vec![
        cognito("look up a user", "AdminGetUser"),
        cognito("list the groups of a user", "AdminListGroupsForUser"),
        cognito("end the sessions of a user", "AdminUserGlobalSignOut"),
        cognito("delete a user", "AdminDeleteUser"),
        mail("send a mail", "digests@docket.example"),
        mail("send a mail as another sender", "other@docket.example"),
        AwsRequest::json("publish an event", "events", "AWSEvents.PutEvents", &event),
        AwsRequest::json("sign a receipt", "kms", "TrentService.Sign", &sign),
        AwsRequest::json(
            "read the receipts' key",
            "kms",
            "TrentService.GetPublicKey",
            &key,
        ),
        connection("push to a connection", "POST"),
        connection("close a connection", "DELETE"),
        invoke("invoke an endpoint", "docket-outside"),
        invoke("invoke another endpoint", "outside"),
        AwsRequest::form(
            "publish to a result topic",
            "sns",
            format!("Action=Publish&Version=2010-03-31&TopicArn={topic}&Message="),
        ),
        AwsRequest::form(
            "change its own policy",
            "iam",
            format!(
                "Action=PutRolePolicy&Version=2010-05-08&RoleName={role}&PolicyName=x&PolicyDocument=x"
            ),
        ),
        assume_role(arn, "another"),
        AwsRequest {
            headers: vec![("x-amz-invocation-type", "DryRun".to_owned())],
            ..AwsRequest::rest(
                "invoke a function",
                "lambda",
                "POST",
                "/2015-03-31/functions/docket-ws-connect/invocations",
            )
        },
    ]
}
