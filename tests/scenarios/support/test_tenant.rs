//! A tenant that uploads documents and watches them on a page.

use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use devstack::{JobView, PushClient, PushMessage, ReceivedPush, Stack};
use jobs::id::JobId;

use super::{WAIT_TIMEOUT, within_timeout};

/// How often the page requests a snapshot, as real pages do, in case a push was lost.
const SYNC_INTERVAL: Duration = Duration::from_secs(20);

/// A tenant with an open page.
pub(crate) struct TestTenant {
    pub(crate) stack: &'static Stack,
    pub(crate) name: &'static str,
    pub(crate) page: PushClient,
    /// The jobs of the first snapshot.
    pub(crate) first_snapshot: Vec<JobView>,
}

impl TestTenant {
    /// Opens the tenant's page and waits for the first snapshot. `*` watches every tenant and cannot upload.
    pub(crate) async fn new(stack: &'static Stack, name: &'static str) -> Self {
        let mut page = stack.open_push_client(name).await.unwrap();
        let snapshot = async {
            loop {
                // Pushes may come before it.
                let arrival = page.next().await.expect("the page stays connected");
                if let PushMessage::Snapshot { jobs, .. } = arrival.frame {
                    return jobs;
                }
            }
        };
        let first_snapshot = within_timeout("the first snapshot", snapshot).await;
        Self {
            stack,
            name,
            page,
            first_snapshot,
        }
    }

    pub(crate) fn bucket(&self) -> &'static str {
        &self.stack.outputs.jobs_bucket_name
    }

    /// Uploads to `<prefix><tenant>/<name>` and returns the key.
    pub(crate) async fn upload(&self, prefix: &str, name: &str, bytes: Vec<u8>) -> String {
        let key = format!("{prefix}{}/{name}", self.name);
        self.put(&key, bytes).await;
        key
    }

    /// Uploads to a key and returns the version id.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>) -> String {
        let put = self
            .stack
            .cloud
            .s3
            .put_object()
            .bucket(self.bucket())
            .key(key)
            .content_type("application/pdf");
        let put = put.body(ByteStream::from(bytes)).send().await.unwrap();
        put.version_id.expect("the bucket is versioned")
    }

    /// The id of the job of the first version at a key.
    pub(crate) fn job(&self, key: &str) -> String {
        JobId::of_key(self.bucket(), key).to_string()
    }

    /// The next push message. Requests a snapshot every 20 s.
    pub(crate) async fn next(&mut self) -> ReceivedPush {
        let page = &mut self.page;
        let next = async {
            loop {
                match tokio::time::timeout(SYNC_INTERVAL, page.next()).await {
                    Ok(arrival) => return arrival.expect("the page stays connected"),
                    Err(_) => page.sync().await.unwrap(),
                }
            }
        };
        within_timeout("a push message", next).await
    }

    /// Waits until the page shows a job that meets a condition.
    pub(crate) async fn wait_for(
        &mut self,
        id: &str,
        condition: impl Fn(&JobView) -> bool,
    ) -> JobView {
        let give_up = Instant::now() + WAIT_TIMEOUT;
        loop {
            if let Some(job) = self.page.jobs.get(id)
                && condition(job)
            {
                return job.clone();
            }
            assert!(
                Instant::now() < give_up,
                "job {id} did not reach the expected state: {:?}",
                self.page.jobs.get(id)
            );
            self.next().await;
        }
    }

    /// Waits until the page shows a job with a status.
    pub(crate) async fn wait_for_status(&mut self, id: &str, status: &str) -> JobView {
        self.wait_for(id, |job| job.status == status).await
    }

    /// Waits until the page shows a job in a final state.
    pub(crate) async fn ended(&mut self, id: &str) -> JobView {
        self.wait_for(id, devstack::has_ended).await
    }

    /// Waits until the page shows a job in a final state, which must be `Ready`.
    pub(crate) async fn ready(&mut self, id: &str) -> JobView {
        let job = self.ended(id).await;
        assert_eq!(job.status, "Ready", "{job:?}");
        job
    }

    /// Waits until the page shows a job in a final state, which must be `Failed`. Returns the cause and the detail.
    pub(crate) async fn failed(&mut self, id: &str) -> (String, String) {
        let job = self.ended(id).await;
        assert_eq!(job.status, "Failed", "{job:?}");
        let failure = job.failure.expect("a failed job has a failure");
        (failure.cause.into_owned(), failure.detail)
    }
}
