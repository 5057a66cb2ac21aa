//! Probes are processed like all documents, but are hidden from lists, pages and events.

use api::types::{JobPage, JobSummary};
use functions::handlers::{inference_success, upload_trigger};
use jobs::id::{JobId, Timestamp};
use jobs::job::Job;
use jobs::ports::Connection;
use jobs::state::{Cause, State};

use crate::api::{TestApi, fail};
use crate::fixtures::{
    BUCKET, NOW, PDF, app, batch, job, run, succeeded, upload_event, write_output,
};

const PROBE: &str = "inbound/probe/scheduled.pdf";
const CONTRACT: &str = "inbound/acme/nda.pdf";

#[test]
fn probe_becomes_ready_and_is_pushed_only_to_its_own_tenant() {
    let app = app();
    app.ports.state().connections = ["probe", "acme", "*"]
        .map(|subscription| Connection {
            uploader: None,
            hides_contents: false,
            subscription: subscription.into(),
            connection_id: format!("page of {subscription}"),
            registered_at: NOW,
            token_expires_at: Timestamp(NOW.0 + 60_000),
        })
        .to_vec();
    for key in [PROBE, CONTRACT] {
        let version = app.ports.put(BUCKET, key, PDF);
        let body = upload_event(key, &version);
        run(upload_trigger::handle(&app, batch(&app, &[body], 1))).unwrap();
        let output = write_output(&app, &job(&app, key));
        let body = succeeded(&job(&app, key), &output);
        run(inference_success::handle(&app, batch(&app, &[body], 1))).unwrap();
        assert!(matches!(job(&app, key).state, State::Ready { .. }));
    }
    let state = app.ports.state();
    let pushed = |of: &str, key: &str| {
        let id = JobId::of_key(BUCKET, key).to_string();
        let about = |(page, frame): &&(String, String)| page == of && frame.contains(&id);
        state.frames.iter().filter(about).count()
    };
    assert_eq!(
        pushed("page of probe", PROBE),
        2,
        "pages of the probe tenant, as `make deploy` uses"
    );
    assert_eq!(
        pushed("page of *", PROBE),
        0,
        "support's pages show no probes"
    );
    assert_eq!(pushed("page of *", CONTRACT), 2);
    let events: Vec<JobId> = state.events.iter().map(|(_, job)| job.id).collect();
    assert_eq!(
        events,
        [JobId::of_key(BUCKET, CONTRACT)],
        "no event is published for probes"
    );
}

#[test]
fn lists_of_all_tenants_leave_out_probes() {
    let api = TestApi::new();
    api.failed_job(CONTRACT, 10, Cause::ModelError);
    let own = |job: &mut Job| job.tenant = "probe".parse().unwrap();
    api.job(PROBE, 20, |job| {
        fail(job, Cause::ModelError);
        own(job);
    });
    api.job("inbound/probe/open.pdf", 30, own);
    let support = api.support();
    let failed: JobPage = support.get("/jobs?status=failed");
    let names: Vec<&str> = failed.jobs.iter().map(|job| job.name.as_str()).collect();
    assert_eq!(names, ["nda.pdf"]);
    let open: JobPage = support.get("/jobs?status=open");
    assert!(open.jobs.is_empty());
    let summary: JobSummary = support.get("/summary");
    assert_eq!((summary.open, summary.failed), (0, 1));
    let own: JobPage = support.get("/jobs?tenant=probe");
    assert_eq!(own.jobs.len(), 2, "who asks for them is shown them");
}
