//! The problems, and what a caller can do about each.

use std::fmt::Write;

use api::ApiError;
use functions::handlers::api::problem::{HttpError, ProblemKind};

pub(super) fn problems() -> Vec<ProblemKind> {
    let text = String::new;
    let api_errors = [
        ApiError::BadRequest(text()),
        ApiError::BadCursor(text()),
        ApiError::Forbidden(text()),
        ApiError::NotFound(text()),
        ApiError::Changed(text()),
        ApiError::Refused(text()),
        ApiError::Poisoned(text()),
        ApiError::NotReady(text()),
        ApiError::PartsMissing(text()),
        ApiError::Gone(text()),
        ApiError::TooLarge(text()),
        ApiError::UnsupportedType(text()),
        ApiError::IdempotencyKeyReused(text()),
        ApiError::Identical {
            detail: text(),
            jobs: vec![],
        },
        ApiError::LimitReached {
            detail: text(),
            retry_after_seconds: 1,
        },
        ApiError::Unavailable(text()),
    ];
    let mut kinds: Vec<ProblemKind> = api_errors
        .into_iter()
        .map(HttpError::from)
        .chain([HttpError::MethodNotAllowed {
            method: text(),
            allowed: text(),
        }])
        .map(|error| error.kind())
        .collect();
    kinds.sort_by_key(|kind| kind.status);
    kinds
}

/// What a caller can do about a problem.
fn remedy(code: &str) -> &'static str {
    match code {
        "bad-request" => {
            "Correct the request: `detail` names the field or parameter. The same request is refused again."
        }
        "bad-cursor" => {
            "Start the list again without `cursor`. Send a cursor only with the filters and the sign-in that it was issued for."
        }
        "forbidden" => {
            "Sign in again if `detail` says that the sign-in has expired; send the ID token, not the access token. Otherwise `detail` names the roles that may do it; ask the administrators for the group."
        }
        "not-found" => {
            "Check the id. Of another tenant's or another customer's document the answer is the same. A job that was uploaded a moment ago exists after a few seconds; its row is deleted some months after its end."
        }
        "method-not-allowed" => "Use a method of the header `Allow`.",
        "changed" => {
            "Read the job again and decide anew; then send its `version` as `expected_version`."
        }
        "refused" => {
            "Read the job: its state does not allow the command, and `detail` says why. Repeat the command only after the state has changed."
        }
        "poisoned" => {
            "The job fails in the same way again and again. Correct the document or the model first; support can force another attempt."
        }
        "not-ready" => {
            "Wait until the job's status is `Ready`: poll `GET /jobs/{job_id}`, or listen to the WebSocket or to the event `JobReady`."
        }
        "parts-missing" => "Upload the parts that `detail` names, then complete the upload again.",
        "gone" => {
            "Upload the document again, with another idempotency key. What has expired, was aborted or was deleted does not come back."
        }
        "too-large" => {
            "Split the file, or choose a pipeline with a higher `max_bytes` (`GET /me`)."
        }
        "unsupported-type" => "Send a media type of the pipeline's `content_types` (`GET /me`).",
        "idempotency-key-reused" => {
            "Use a new key for each file. If this is the repetition of an earlier request, send it with the same fields and values."
        }
        "identical" => {
            "Use the jobs in `identical`: each is open, or ready with its result stored. To process the file once more, send the request with `run_anyway`, and with another idempotency key."
        }
        "limit-reached" => {
            "Send the request again after the seconds of `Retry-After`. `detail` says which limit of the tenant it is; the operators set it (`tenant_limits` in `pipelines.toml`)."
        }
        "unavailable" => {
            "Send the request again after the seconds of `Retry-After`. Commands can be repeated: one that was already carried out is refused as `changed` or `refused`, or changes nothing."
        }
        other => panic!("say what to do about the problem {other}"),
    }
}

/// The page of all problems with their remedies.
pub(super) fn catalogue() -> String {
    let mut text = String::from(
        "# Problems of the HTTP API\n\nGenerated from the code by `make docs`.\n\n\
         A refused request returns `application/problem+json` (RFC 9457): `type` is `urn:docket:problem:<code>`, and `detail` says what is wrong with this request.\n\
         Programs should decide by the code or, if they do not know it, by the status.\n\
         No request that was refused has changed anything, unless `detail` says otherwise.\n",
    );
    for ProblemKind {
        status,
        code,
        title,
    } in problems()
    {
        writeln!(
            text,
            "\n## {code}\n\n{status}: {title}.\n\n{}",
            remedy(code)
        )
        .unwrap();
    }
    text.push_str(
        "\n## Answers of API Gateway\n\nAPI Gateway refuses some requests before they reach the service, with `application/json` and `{\"message\": …}`:\n\n\
         | status | cause | what to do |\n|---|---|---|\n\
         | 401 | The token is missing, expired or of another user pool. | Sign in again, or refresh the token. |\n\
         | 403 | The host name is not one of this API. | Use the output `HttpApiUrl` of the stack. |\n\
         | 404 | There is no such path or method. | Compare the path with [api.md](api.md). |\n\
         | 413 | The request is larger than 10 MB. | Upload files with the signed request, not through the API. |\n\
         | 429 | Too many requests. | Send it again after a second, then after longer pauses. |\n\
         | 500, 503, 504 | The service did not answer. | Send it again after a second. Create uploads with an idempotency key. |\n",
    );
    text
}
