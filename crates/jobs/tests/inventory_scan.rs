//! What the inventory scan costs and how long it takes, from a hundred thousand objects to ten million.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use jobs::id::{JobId, Timestamp};
use jobs::inventory_scan::{MAX_PAGES_PER_RUN, ScanReport, ScanScope, scan};
use jobs::pipeline::Pipelines;
use jobs::ports::{
    Clock, FailedEntries, Inventory, JobIndex, JobInput, KeyValueStore, ListedObject, Listing,
    ListingCursor, OpenJob, QueuePosition, QueuedJob, Record, ScheduledCheck, Unavailable,
    UploadQueue,
};
use jobs::state::StatusGroup;
use jobs::submit::UploadEvent;
use jobs::upload_session::new_uuid;
use testkit::memory::Memory;

const NOW: Timestamp = Timestamp(1_767_608_042_118);
const MINUTE_MS: u64 = 60_000;
const RUN_MINUTES: u64 = 5;
const HOUR_SECONDS: u64 = 3600;
const BUCKET: &str = "docket-jobs";
const PREFIX: &str = "inbound/";
const TENANTS: u64 = 20;
const SIZES: [u64; 3] = [100_000, 1_000_000, 10_000_000];
const PAGE_SIZE: u64 = 1000;

fn pipelines() -> Pipelines {
    Pipelines::parse(include_str!("../../../infra/pipelines.toml")).unwrap()
}

fn pipeline_count() -> u64 {
    pipelines().iter().count() as u64
}

/// A bucket whose objects exist only while they are listed. Half of a tenant's objects were uploaded through the API, one a
/// minute until now; the other half by an S3 client, forty days ago. All have a job, except those that are lost.
struct LargeBucket {
    /// Clock and records.
    memory: Memory,
    size: u64,
    lost: BTreeSet<u64>,
    /// How long a page of the complete scan takes.
    page_ms: u64,
    /// How long a page of the recent scan takes.
    recent_page_ms: u64,
    complete_requests: Cell<u64>,
    recent_requests: Cell<u64>,
    resent: RefCell<Vec<String>>,
}

impl LargeBucket {
    /// A bucket in which the last scan, a full one, was an hour ago.
    fn new(size: u64) -> Self {
        let memory = Memory::at(NOW);
        let an_hour_ago = NOW.0 - HOUR_SECONDS * 1000;
        let checkpoint = format!(
            r#"{{"started_at":{an_hour_ago},"full":true,"position":null,"last_complete":{an_hour_ago},"last_full":{an_hour_ago}}}"#
        );
        let record = Record {
            body: checkpoint,
            revision: 1,
            expires_at: None,
        };
        memory
            .state()
            .records
            .put("state", "inventory-scan", &record);
        Self {
            memory,
            size,
            lost: BTreeSet::new(),
            page_ms: 0,
            recent_page_ms: 0,
            complete_requests: Cell::new(0),
            recent_requests: Cell::new(0),
            resent: RefCell::default(),
        }
    }

    fn objects_per_tenant(&self) -> u64 {
        self.size / TENANTS
    }

    fn folder(tenant: u64) -> String {
        format!("{PREFIX}t{tenant:02}/")
    }

    /// When the API issued the key of the object; `None` for an object of an S3 client.
    fn issued_at(&self, index: u64) -> Option<Timestamp> {
        let issued = self.objects_per_tenant() / 2;
        let age = issued.checked_sub(index % self.objects_per_tenant())?;
        (age > 0).then(|| Timestamp(NOW.0 - age * MINUTE_MS))
    }

    fn key(&self, index: u64) -> String {
        let folder = Self::folder(index / self.objects_per_tenant());
        match self.issued_at(index) {
            Some(at) => format!("{folder}{}.pdf", new_uuid(at, index.into())),
            None => format!("{folder}contract-{index:08}.pdf"),
        }
    }

    fn object(&self, index: u64) -> ListedObject {
        let is_lost = self.lost.contains(&index);
        let put_at = match self.issued_at(index) {
            Some(at) => at,
            None if is_lost => Timestamp(NOW.0 - 20 * MINUTE_MS),
            None => Timestamp(NOW.0 - 40 * 24 * 60 * MINUTE_MS),
        };
        ListedObject {
            key: self.key(index),
            version: "v1".to_owned(),
            etag: "etag".to_owned(),
            bytes: 8,
            put_at,
            versions: vec![],
            has_all_versions: true,
        }
    }

    /// The index of the first object after a key.
    fn first_after(&self, key: &str) -> u64 {
        let (mut low, mut high) = (0, self.size);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle).as_str() > key {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// A run of the reconciler, `number` intervals from now.
    fn run(&self, number: u64, budget_ms: u64) -> ScanReport {
        let pipelines = pipelines();
        let now = Timestamp(NOW.0 + number * RUN_MINUTES * MINUTE_MS);
        self.memory.state().now = now;
        let until = Timestamp(now.0 + budget_ms);
        let scanned = scan(self, &pipelines, BUCKET, ScanScope::Due, until);
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(scanned)
            .unwrap()
    }
}

fn add(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

impl Inventory for LargeBucket {
    async fn page(
        &self,
        _: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
        limit: u16,
    ) -> Result<Listing<ListedObject, ListingCursor>, Unavailable> {
        let is_recent = prefix.matches('/').count() > 1;
        if is_recent {
            add(&self.recent_requests);
            self.memory.state().now.0 += self.recent_page_ms;
        } else {
            add(&self.complete_requests);
            self.memory.state().now.0 += self.page_ms;
        }
        let from = self.first_after(after.map_or(prefix, |after| &after.key));
        let to = (from + u64::from(limit)).min(self.size);
        let is_under = |object: &ListedObject| object.key.starts_with(prefix);
        let items: Vec<ListedObject> = (from..to)
            .map(|index| self.object(index))
            .take_while(is_under)
            .collect();
        let more = to < self.size && self.key(to).starts_with(prefix);
        let next = items.last().filter(|_| more).map(|last| ListingCursor {
            key: last.key.clone(),
            version: Some(last.version.clone()),
        });
        Ok(Listing { items, next })
    }

    async fn folders(
        &self,
        _: &str,
        prefix: &str,
        after: Option<&ListingCursor>,
    ) -> Result<Listing<String, ListingCursor>, Unavailable> {
        add(&self.recent_requests);
        let is_next =
            |folder: &String| prefix == PREFIX && after.is_none_or(|after| *folder > after.key);
        Ok(Listing {
            items: (0..TENANTS).map(Self::folder).filter(is_next).collect(),
            next: None,
        })
    }
}

impl JobIndex for LargeBucket {
    async fn due_by(
        &self,
        shard: u8,
        by: Timestamp,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Vec<ScheduledCheck>, Unavailable> {
        self.memory.due_by(shard, by, after, limit).await
    }
    async fn open_jobs(
        &self,
        shard: u8,
        after: Option<ScheduledCheck>,
        limit: u16,
    ) -> Result<Listing<OpenJob, ScheduledCheck>, Unavailable> {
        self.memory.open_jobs(shard, after, limit).await
    }
    async fn queued_jobs(
        &self,
        shard: u8,
        from: u64,
        after: Option<QueuePosition>,
        limit: u16,
    ) -> Result<Listing<QueuedJob, QueuePosition>, Unavailable> {
        self.memory.queued_jobs(shard, from, after, limit).await
    }
    async fn postpone(&self, due: ScheduledCheck, until: Timestamp) -> Result<(), Unavailable> {
        self.memory.postpone(due, until).await
    }
    async fn inputs_of(&self, ids: &[JobId]) -> Result<BTreeMap<JobId, JobInput>, Unavailable> {
        let keys = self.lost.iter().map(|index| self.key(*index));
        let without: Vec<JobId> = keys
            .flat_map(|key| {
                [
                    JobId::of_key(BUCKET, &key),
                    JobId::of_version(BUCKET, &key, "v1"),
                ]
            })
            .collect();
        let known = ids.iter().filter(|id| !without.contains(id));
        let input = JobInput {
            version: "v1".to_owned(),
            etag: "etag".to_owned(),
            bytes: 8,
            status_group: StatusGroup::Ready,
            updated_at: NOW,
        };
        Ok(known.map(|id| (*id, input.clone())).collect())
    }
}

impl UploadQueue for LargeBucket {
    async fn enqueue(&self, uploads: &[UploadEvent]) -> FailedEntries {
        let keys = uploads.iter().map(|upload| upload.key.clone());
        self.resent.borrow_mut().extend(keys);
        FailedEntries::none()
    }
}

impl KeyValueStore for LargeBucket {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Unavailable> {
        self.memory.get(collection, key).await
    }
    async fn put(&self, collection: &str, key: &str, record: &Record) -> Result<bool, Unavailable> {
        KeyValueStore::put(&self.memory, collection, key, record).await
    }
    async fn delete(&self, collection: &str, key: &str) -> Result<(), Unavailable> {
        self.memory.delete(collection, key).await
    }
    async fn list_descending(
        &self,
        collection: &str,
        before: Option<&str>,
        limit: u16,
    ) -> Result<Vec<(String, Record)>, Unavailable> {
        self.memory.list_descending(collection, before, limit).await
    }
}

impl Clock for LargeBucket {
    fn now(&self) -> Timestamp {
        self.memory.now()
    }
    fn random(&self) -> u64 {
        self.memory.random()
    }
}

const AMPLE_MS: u64 = 85_000;

/// Each prefix takes at least one page.
fn runs_of_a_complete_scan(size: u64) -> u64 {
    (size.div_ceil(PAGE_SIZE) + pipeline_count()).div_ceil(MAX_PAGES_PER_RUN)
}

/// docs/reliability.md states the figures.
#[test]
fn lost_uploads_are_found_at_a_cost_per_run_that_does_not_grow_with_the_bucket() {
    let mut recent_requests = BTreeSet::new();
    for size in SIZES {
        let mut bucket = LargeBucket::new(size);
        let from_api = bucket.objects_per_tenant() / 2 - 15;
        let from_s3_client = size - 1;
        bucket.lost.extend([from_api, from_s3_client]);
        let runs = runs_of_a_complete_scan(size);
        bucket.run(0, AMPLE_MS);
        let found = bucket.resent.borrow().clone();
        assert!(
            found.contains(&bucket.key(from_api)),
            "{size}: the first run finds a lost upload through the API"
        );
        recent_requests.insert(bucket.recent_requests.get());
        for run in 1..runs {
            let before = bucket.complete_requests.get();
            bucket.run(run, AMPLE_MS);
            let requests = bucket.complete_requests.get() - before;
            assert!(requests <= MAX_PAGES_PER_RUN, "{size}: {requests}");
        }
        let found = bucket.resent.borrow().clone();
        assert!(
            found.contains(&bucket.key(from_s3_client)),
            "{size}: a lost upload of an S3 client is found after {runs} runs"
        );
    }
    assert_eq!(
        recent_requests,
        // A list of folders for each pipeline, and a page for each tenant.
        BTreeSet::from([pipeline_count() + TENANTS]),
        "the same for each size"
    );
}

#[test]
fn scan_of_a_large_bucket_is_not_late_while_it_advances() {
    for size in SIZES {
        let bucket = LargeBucket::new(size);
        let runs = runs_of_a_complete_scan(size);
        let mut longest_age = 0;
        for run in 0..2 * runs + 2 {
            let report = bucket.run(run, AMPLE_MS);
            longest_age = longest_age.max(report.age.as_secs());
            let delay = report.delay.as_secs();
            assert!(
                run < 2 || delay < HOUR_SECONDS,
                "{size}, run {run}: {delay} s"
            );
        }
        if size == 10_000_000 {
            assert!(longest_age > 6 * HOUR_SECONDS, "{longest_age}");
        }
    }
}

#[test]
fn scan_that_hardly_advances_is_late_however_large_the_bucket_is() {
    for (size, page_ms) in [(100_000, 100_000), (10_000_000, 100_000)] {
        let mut bucket = LargeBucket::new(size);
        bucket.page_ms = page_ms;
        let is_late = |run: u64| bucket.run(run, AMPLE_MS).delay.as_secs() > HOUR_SECONDS;
        let late_after = (0..).find(|run| is_late(*run)).unwrap() * RUN_MINUTES;
        assert!(late_after <= 70, "{size}: {late_after} minutes");
    }
}

/// With very many tenants it takes several runs.
#[test]
fn scan_of_recent_uploads_takes_half_of_a_run_and_is_continued_by_the_next() {
    // So large that the complete scan does not come to the last tenant meanwhile.
    let mut bucket = LargeBucket::new(10_000_000);
    bucket.recent_page_ms = 10_000;
    let per_tenant = bucket.objects_per_tenant();
    let last = (TENANTS - 1) * per_tenant + per_tenant / 2 - 15;
    bucket.lost.insert(last);
    bucket.run(0, 60_000);
    // A list of folders for each pipeline, then three folders in 30 s.
    assert_eq!(bucket.recent_requests.get(), pipeline_count() + 3);
    assert_ne!(bucket.complete_requests.get(), 0, "the other half");
    bucket.run(1, 60_000);
    assert_eq!(bucket.recent_requests.get(), pipeline_count() + 3 + 1 + 3);
    let runs = TENANTS.div_ceil(3);
    for run in 2..runs {
        assert_eq!(*bucket.resent.borrow(), [] as [String; 0], "run {run}");
        bucket.run(run, 60_000);
    }
    assert_eq!(*bucket.resent.borrow(), [bucket.key(last)]);
}
