//! A success notification counts if its output object exists.
//!
//! Guarantee 3: `Ready` means that the output object exists and was made from this version of the input.

use async_endpoint::server::EndpointEventKind;
use async_endpoint::{FaultRate, Faults};
use aws_sdk_dynamodb::types::AttributeValue;

use crate::support::{
    DOC_UNDERSTANDING, EndpointFaults, RunResult, TestTenant, UnreportedJob, contract, delete,
    publish_success, run, run_alone, success_notification, update_row, within_timeout,
};

#[test]
fn success_without_output_object_is_retried() {
    run(async |stack| {
        let mut acme = TestTenant::new(stack, "missing").await;
        let mut observations = stack.endpoint_events();
        let lose_one = Faults {
            lose_notification: FaultRate::ALWAYS.times(1),
            ..Faults::default()
        };
        stack
            .endpoints
            .set_faults(DOC_UNDERSTANDING, lose_one)
            .unwrap();
        let key = acme
            .upload("inbound-documents/", "missing.pdf", contract())
            .await;
        let inference_id = format!("{}.a1", acme.job(&key));
        let completed = async {
            loop {
                let seen = observations.recv().await.unwrap();
                if let EndpointEventKind::Completed { output } = seen.kind
                    && seen.inference_id.as_ref() == Some(&inference_id)
                {
                    return output;
                }
            }
        };
        let output = within_timeout("the output", completed).await;
        let location: jobs::id::Location = output.parse().unwrap();
        delete(stack, &location.key).await;
        publish_success(stack, &success_notification(&inference_id, &output)).await;

        let id = acme.job(&key);
        let job = acme.wait_for_status(&id, "RetryScheduled").await;
        let detail = job.failure.unwrap().detail;
        assert!(detail.contains(&output), "{detail}");
        assert_eq!(acme.ready(&id).await.attempt, 2);
    });
}

#[test]
fn success_counts_although_the_input_was_deleted() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "deleted-input").await;
        let faults = EndpointFaults::lose_notifications(stack, DOC_UNDERSTANDING);
        let output = RunResult::Output;
        let job = UnreportedJob::create(&mut acme, "document.pdf", contract(), output).await;
        drop(faults);
        delete(stack, &job.key).await;
        job.publish_success(stack).await;
        acme.ready(&job.id).await;
    });
}

#[test]
fn last_attempt_without_output_object_fails() {
    run_alone(async |stack| {
        let mut acme = TestTenant::new(stack, "missing-at-last").await;
        let faults = EndpointFaults::lose_notifications(stack, DOC_UNDERSTANDING);
        let output = RunResult::Output;
        let job = UnreportedJob::create(&mut acme, "document.pdf", contract(), output).await;
        drop(faults);
        delete(stack, &job.result).await;
        let one = AttributeValue::N("1".to_owned());
        update_row(
            stack,
            &job.id,
            "SET #state.last_attempt = :one",
            &[(":one", one)],
        )
        .await;
        job.publish_success(stack).await;
        let (_, detail) = acme.failed(&job.id).await;
        let output = format!("s3://{}/{}", acme.bucket(), job.result);
        assert!(detail.contains(&output), "{detail}");
    });
}
