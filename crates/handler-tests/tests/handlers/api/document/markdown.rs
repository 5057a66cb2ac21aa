//! The page of all requests and types.

use std::fmt::Write;

use api::{Permission, Role};
use functions::handlers::api::problem::ProblemKind;
use functions::handlers::api::routes::ROUTES;
use serde_json::Value;

use super::openapi::access;
use super::problems::problems;
use super::schemas::schemas;
use crate::api::examples;

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(any) = schema["anyOf"]
        .as_array()
        .or_else(|| schema["oneOf"].as_array())
    {
        return any
            .iter()
            .map(type_of)
            .filter(|kind| kind != "null")
            .collect::<Vec<_>>()
            .join(" or ");
    }
    let name = |kind: &Value| match kind.as_str() {
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some(kind) => kind.to_owned(),
        None => String::new(),
    };
    match &schema["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter(|kind| *kind != "null")
            .map(name)
            .collect::<Vec<_>>()
            .join(" or "),
        kind => name(kind),
    }
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

fn describe(name: &str, schema: &Value, text: &mut String) {
    writeln!(text, "\n### {name}\n").unwrap();
    let description = schema["description"].as_str().unwrap_or_default();
    writeln!(text, "{}", description.replace('\n', " ")).unwrap();
    if let Some(values) = schema["enum"].as_array() {
        writeln!(text, "\n| value | |\n|---|---|").unwrap();
        for (index, value) in values.iter().enumerate() {
            let description = &schema["x-enum-descriptions"][index];
            let description = cell(description.as_str().unwrap_or_default());
            writeln!(text, "| `{}` | {description} |", value.as_str().unwrap()).unwrap();
        }
    }
    if schema["oneOf"].is_array() || schema["anyOf"].is_array() {
        writeln!(text, "\nOne of {}.", type_of(schema)).unwrap();
    }
    let Some(fields) = schema["properties"].as_object() else {
        return;
    };
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    writeln!(text, "\n| field | type | |\n|---|---|---|").unwrap();
    for (field, schema) in fields {
        let kind = type_of(schema);
        let optional = if required.contains(&field.as_str()) {
            ""
        } else {
            ", optional"
        };
        writeln!(
            text,
            "| `{field}` | {kind}{optional} | {} |",
            cell(schema["description"].as_str().unwrap_or_default())
        )
        .unwrap();
    }
}

pub(super) fn markdown() -> String {
    let schemas = schemas();
    let mut text = String::from(
        "# HTTP API\n\nGenerated from the code by `make docs`. The same API as an OpenAPI 3.1 document: [openapi.json](openapi.json). [api-examples.md](api-examples.md) has an example of each request.\n\n\
         - **URL**: the output `HttpApiUrl` of the stack. `make up` prints the local one.\n\
         - **Authentication**: every request except `GET /configuration` and `/unsubscribe` needs the header `Authorization: Bearer <ID token>`, with the ID token of a sign-in to the Amazon Cognito user pool. A program with a client of its own sends the access token that it got by client credentials (RFC 6749, 4.4) at `company_sign_in.url` + `/oauth2/token`, without naming scopes.\n\
         - **Authorization**: the groups in the token decide what the caller may see and do: `customer`, `reviewer`, `support`, `operator`, `auditor` and `tenant:<name>` ([Roles](#roles)). Those of a machine client are its scopes.\n\
         - **Format**: times are milliseconds since 1970 UTC. Percent-encode ids in paths. A request with an unknown field is refused.\n\n\
         ## Requests\n\n| request | takes | returns | access | |\n|---|---|---|---|---|\n",
    );
    let link = |name: Option<&str>| {
        name.map_or_else(String::new, |name| {
            format!("[{name}](#{})", name.to_lowercase())
        })
    };
    for route in ROUTES {
        writeln!(
            text,
            "| [`{} {}`](api-examples.md#{}) | {} | {} {} | {} | {} |",
            route.method,
            route.path,
            examples::anchor(route),
            link(route.request),
            route.status,
            link(route.response),
            access(route),
            route.summary
        )
        .unwrap();
    }
    text.push_str(&roles());
    text.push_str(
        "\n## Problems\n\nA refused request returns `application/problem+json` ([Problem](#problem), RFC 9457) with the type `urn:docket:problem:<code>`.\n\
         API Gateway itself returns `application/json` ([GatewayError](#gatewayerror)): 401 for a token that is missing, expired or of another user pool, 404 for a path that does not exist, 429 for too many requests, and 500, 503 or 504 if the service does not answer.\n\n\
         | status | code | |\n|---|---|---|\n",
    );
    for kind in problems() {
        let ProblemKind {
            status,
            code,
            title,
        } = kind;
        writeln!(text, "| {status} | `{code}` | {title} |").unwrap();
    }
    text.push_str("\n[problems.md](problems.md) says for each what to do.\n");
    text.push_str(UPLOADS);
    text.push_str(EVENTS);
    text.push_str(WEBHOOKS);
    text.push_str(DIGESTS);
    text.push_str(RECEIPTS);
    text.push_str(USAGE);
    text.push_str(VERSIONS);
    text.push_str("\n## Types\n");
    for (name, schema) in &schemas {
        describe(name, schema, &mut text);
    }
    text
}

/// The table of roles and permissions.
fn roles() -> String {
    let mut text = String::from(ROLES);
    let columns = Role::ALL.map(Role::name).join(" | ");
    let lines = "---|".repeat(Role::ALL.len());
    writeln!(text, "| permission | {columns} | may |\n|---|{lines}---|").unwrap();
    for permission in Permission::ALL {
        let marks = Role::ALL.map(|role| if permission.is_of(role) { "yes" } else { "" });
        let (name, marks) = (permission.name(), marks.join(" | "));
        writeln!(
            text,
            "| `{name}` | {marks} | {} |",
            permission.description()
        )
        .unwrap();
    }
    text
}

const ROLES: &str = "
## Roles

A caller may have several roles; it may do what any one of them may do, within that role's scope:

- `customer`: its own uploads and those without a known uploader, in its tenants
- `reviewer`: its tenants
- `support`, `operator`: all tenants
- `auditor`: its tenants; with the group `tenant:*`, all tenants. That group counts for auditors only.

**Without contents.** `operator` and `auditor` work with jobs and read no contents: no document, no result, no findings, no words of the model.
Names are contents too, since a contract's name says who concluded it: in their responses, messages and receipts the file's name and key, the reference, the batch, the tags and the note are left out, and lists cannot be filtered by them.
`contents_hidden` in a [JobView](#jobview) says so. What they see: ids, tenant, pipeline, status, cause, times, sizes, attempts, models, who uploaded, assigned, reviewed or commanded what, and the reasons that people gave.
[stored-data.md](stored-data.md) says what else is stored.

";

const UPLOADS: &str = "
## Uploads by programs

**Repeated requests.** Send `POST /uploads` with the header `Idempotency-Key`, 1 to 128 characters of ASCII, such as a UUID that is new for each file.
For 24 hours, a repeated request with the same key and the same body returns the same upload, newly signed, however often it is sent and also if two are sent at once.
If `uploaded` is true in the response, the file has already arrived and there is nothing to send.
A key belongs to its caller. With another body it is refused as `idempotency-key-reused` (422), after an aborted upload as `gone` (410).

**References, batches and tags.** An upload may have a `reference` (your own id of the document), a `batch` and up to 8 `tags`; [NewUpload](#newupload) has the limits.
They are in every view of the job: responses, lists, WebSocket messages, and the events `JobReady` and `JobFailed`.
`GET /jobs?reference=…` and `GET /jobs?batch=…` list jobs by them; both are compared exactly but for invisible characters, which are removed; upper and lower case are different.
They are fixed when the document is uploaded, and deleted with the document's data.

**With an S3 client**, put the object under `<prefix><tenant>/` and set user metadata:

| metadata | value |
|---|---|
| `x-amz-meta-docket-reference` | as `reference` |
| `x-amz-meta-docket-batch` | as `batch` |
| `x-amz-meta-docket-lane` | as `lane`: `standard` or `bulk` |
| `x-amz-meta-docket-tags` | `name=value&name=value`, as in S3's own header `x-amz-tagging` |
| `x-amz-meta-original-name` | the file's name, if it is not the end of the key |

Values are percent-encoded UTF-8, since most clients send ASCII only; write `%25` for a percent sign before two hexadecimal digits.
A value with other characters than ASCII is not used, since S3 returns it in another form. A name may have them, and may be percent-encoded Windows-1252.
A value that breaks the limits is not used. The document gets its job all the same, and the job's explanation says what is wrong.
Metadata counts when the object is first uploaded. Changing it later, by a copy of the object onto itself, makes no second job and changes no job, as long as the copy has the same ETag ([docs/reliability.md](reliability.md#known-limits): a copy of a multipart upload may have another).
An empty object is waited for: its job fails after about six minutes, unless the file was put at its key by then, as programs do that mount a bucket.

```sh
aws s3 cp nda.pdf s3://$BUCKET/inbound/acme/nda.pdf --content-type application/pdf \\
  --metadata 'docket-reference=INV-4711,docket-batch=2026-05,docket-tags=matter=47-11&client=ACME'
```

A test uploads with each of these clients to the local stack, sends the same file again, and changes the metadata of the object that is there: name, size, type and labels are right, and it costs one run.

| client | upload with a reference | change of metadata |
|---|---|---|
| AWS CLI 1.46 | as above | `aws s3 cp s3://$BUCKET/$KEY s3://$BUCKET/$KEY --metadata-directive REPLACE --content-type application/pdf --metadata …` |
| boto3 1.44 | `s3.upload_file(\"nda.pdf\", bucket, key, ExtraArgs={\"ContentType\": \"application/pdf\", \"Metadata\": {\"docket-reference\": \"INV-4711\"}})` | `s3.copy_object(Bucket=bucket, Key=key, CopySource={\"Bucket\": bucket, \"Key\": key}, MetadataDirective=\"REPLACE\", ContentType=\"application/pdf\", Metadata=…)` |
| minio 7.2 (Python) | `client.fput_object(bucket, key, \"nda.pdf\", content_type=\"application/pdf\", metadata={\"docket-reference\": \"INV-4711\"})` | `client.copy_object(bucket, key, CopySource(bucket, key), metadata={\"Content-Type\": \"application/pdf\", …}, metadata_directive=REPLACE)` |
| obstore 0.12 (Python) | `obstore.put(store, key, Path(\"nda.pdf\"), attributes={\"Content-Type\": \"application/pdf\", \"docket-reference\": \"INV-4711\"})` | none; the same again |
| rclone 1.75 | `rclone copyto nda.pdf s3:$BUCKET/$KEY --metadata --metadata-set docket-reference=INV-4711` | `rclone touch s3:$BUCKET/$KEY` |
| s3cmd 2.4 | `s3cmd put nda.pdf s3://$BUCKET/$KEY --mime-type=application/pdf --add-header=x-amz-meta-docket-reference:INV-4711` | `s3cmd modify --acl-private s3://$BUCKET/$KEY --add-header=…`; without `--acl-private` it changes the object and then fails, since the bucket has no ACLs |
";

const EVENTS: &str = "
## Events for programs

`GET /events` returns the events `job.ready` and `job.failed` of a tenant in one sequence, without gaps.
It needs the permission `read-events`, since it has the events of all users of the tenant. An event names its job; `GET /jobs/{job_id}` returns the job with its reference and its failure.

**Reading.** Start without parameters, or with `from`. Then pass the `cursor` of each response as `since` of the next request; an empty page means that there is nothing new yet.
A cursor belongs to its tenant and does not expire with the sign-in. With another tenant it is refused as `bad-cursor`. Ask at most once a second, or wait:

**Waiting.** With `wait=20` a request at the feed's end waits up to 20 seconds for an event, and looks for one every 5 seconds, which costs five read units in 20 seconds.
An answer without events is no error: ask again. Set your client's time limit to 35 seconds. About 40 programs can wait at a time (parameter `Scale`); beyond that requests are answered with 503, and you repeat them after some seconds. Webhooks are faster.

**Order.** An event that is added later has a higher `sequence`. Nothing is ever added before an event that has been returned.
The sequence is the order in which events were recorded, usually within seconds of the job's change. Of two events of one job, the one with the higher `version` is newer, whatever their order.
An event can occur twice, with the same `id`: process it once.

**Proving that none is missing.** Each event has a `hash`: SHA-256, in lower-case hexadecimal digits, of the text

```text
<hash of the previous event>\\n<sequence>\\n<id>\\n<type>\\n<recorded_at>
```

The hash before the first event is 64 zeros. Store the sequence and the hash of the last event that you processed, and compute the next hash from each new event.
If it differs from `hash`, an event is missing or changed. One request is enough to check all that you have: if `end_sequence` and `end_hash` are yours, you have received every event.
`docket events --verify` does this.

**Retention.** Events are kept for 30 days, in groups of ten; an event may stay longer. A cursor whose next event has expired is refused as `gone`, as is one of a feed that was restored from a backup.
Then compare your jobs with `GET /jobs`, and start again without `since`.

**Limits.** At most 100 events in a response, and 600 recorded events a second of one tenant.
";

const WEBHOOKS: &str = "
## Webhooks

`POST /webhooks` tells the service where to post the events of a tenant, after the Standard Webhooks specification 1.0. [webhooks.md](webhooks.md) says what a receiver gets and must do.
";

const DIGESTS: &str = "
## E-mail digests

`POST /me/digests` switches the caller's e-mail digests of a tenant on or off. [digests.md](digests.md) says when a mail comes and what is in it.
`GET` and `POST /unsubscribe/{link}` are for people and mail programs; they answer HTML, and their problems are HTML too.
";

const RECEIPTS: &str = "
## Receipts

`GET /jobs/{job_id}/receipt` returns a signed statement of what became of a document. [receipts.md](receipts.md) says what it proves and how to check it.
";

const USAGE: &str = "
## Usage

`GET /usage` returns what a tenant has used in a month. [usage.md](usage.md) says what is known of it, what is estimated, and when it is counted.
";

const VERSIONS: &str = "
## Versions

There is one version of the API. It changes only in ways that a tolerant client does not notice:

- Responses, messages and events may get new fields, and strings with listed values may get new values. Ignore what you do not know; generate a client anew if it has closed lists of values.
- Requests may get new optional fields and headers, and there may be new paths.
- Problems may get new codes with the same status. Decide by the status if you do not know a code.
- Texts for people (`title`, `detail`, explanations) may change at any time.

A field, value, path or code that is to be removed is first marked as deprecated: in this document, with `deprecated` in openapi.json, and in the [changelog](../CHANGELOG.md).
It keeps working for at least twelve months after the release that deprecates it.
A change that would break clients gets a new path prefix (`/v2`), and both versions are served for at least twelve months.
`info.version` of openapi.json is the release of the service.
";
