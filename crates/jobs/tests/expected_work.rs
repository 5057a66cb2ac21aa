//! What documents count for in turns: the limits of expected work, changes of the base, and what is learned from runs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use futures_util::FutureExt;
use jobs::expected_work::{BaseWork, LearnedWork, RunSums, StoredRuns, learn, learned_base};
use jobs::fair_queue::{FairQueue, Heads};
use jobs::id::{Attempt, JobId, Tenant, Timestamp};
use jobs::lane::Lane;
use jobs::ports::{QueuePosition, QueuedJob};
use jobs::queue_position::position;
use jobs::random::split_mix_64;
use testkit::memory::Memory;

const KB: u64 = 1000;
const MB: u64 = 1000 * KB;
const MIB: u64 = 1024 * 1024;
const MAX_WORK: u64 = 256 * MIB;
const PIPELINE: &str = "legal-review";
const HOUR: u64 = 3_600_000;

/// Random numbers of a seed.
struct Random(u64);

impl Random {
    fn up_to(&mut self, max: u64) -> u64 {
        split_mix_64(&mut self.0) % (max + 1)
    }

    /// From bytes to gigabytes.
    fn size(&mut self) -> u64 {
        let most = 1 << self.up_to(31);
        self.up_to(most)
    }

    /// A time of about `ms`, 30 % shorter or longer at most.
    fn about(&mut self, ms: u64) -> u64 {
        ms * (70 + self.up_to(60)) / 100
    }
}

fn tenant(name: &str) -> Tenant {
    name.parse().unwrap()
}

/// Documents of a tenant, which were queued one after the other.
fn queue(name: &str, sizes: &[u64]) -> Heads {
    let job = |(number, bytes): (u64, &u64)| QueuedJob {
        position: QueuePosition {
            position: position(
                PIPELINE,
                &tenant(name),
                Lane::Standard,
                Timestamp(1_000_000 + number),
            ),
            job: JobId::of_bits(number.into()),
        },
        attempt: Attempt::FIRST,
        pipeline: PIPELINE.to_owned(),
        tenant: tenant(name),
        bytes: *bytes,
    };
    (0..).zip(sizes).map(job).collect()
}

fn documents(released: &[QueuedJob], of: &str) -> usize {
    let own = released.iter().filter(|job| job.tenant.as_str() == of);
    own.count()
}

#[test]
fn work_is_positive_bounded_and_grows_with_the_bytes() {
    let mut random = Random(1);
    for _ in 0..10_000 {
        let (given, bytes, more) = (random.size(), random.size(), random.size());
        let base = BaseWork::of_bytes(given);
        let work = base.expected_work(bytes);
        assert!((64 * 1024..=MAX_WORK).contains(&work), "{base:?} {bytes}");
        assert!(base.expected_work(bytes + more) >= work, "{base:?} {bytes}");
        let larger = BaseWork::of_bytes(given + more);
        assert!(larger.expected_work(bytes) >= work, "{base:?} {bytes}");
    }
    assert_eq!(BaseWork::default().expected_work(0), 256 * 1024);
    for bytes in [0, 5 * MB, u64::MAX] {
        let all_alike = BaseWork::of_bytes(u64::MAX);
        assert_eq!(all_alike.expected_work(bytes), MAX_WORK);
    }
}

/// How many documents of each other tenant are released before the first of `of`.
fn released_before(of: &str, turns: &FairQueue, queues: &[Heads]) -> BTreeMap<Tenant, u64> {
    let taken = turns.clone().take(queues.to_vec(), usize::MAX);
    let before = taken.iter().take_while(|job| job.tenant.as_str() != of);
    let mut counts = BTreeMap::new();
    for job in before {
        *counts.entry(job.tenant.clone()).or_default() += 1;
    }
    counts
}

/// However much the base changes, and whatever was released before.
#[test]
fn change_of_the_base_keeps_no_tenant_waiting_for_more_documents_of_another() {
    const NAMES: [&str; 3] = ["acme", "globex", "initech"];
    let mut waited = 0;
    for seed in 0..400 {
        let mut random = Random(seed);
        let mut turns = FairQueue::default();
        for _ in 0..random.up_to(4) {
            let queues = NAMES.map(|name| {
                let sizes: Vec<u64> = (0..10).map(|_| random.size()).collect();
                queue(name, &sizes)
            });
            turns = turns.with_base(BaseWork::of_bytes(random.size()));
            turns.take(queues.to_vec(), 1 + random.up_to(8) as usize);
        }
        let queues = NAMES.map(|name| {
            let sizes: Vec<u64> = (0..300).map(|_| random.size()).collect();
            queue(name, &sizes)
        });
        let changed = turns
            .clone()
            .with_base(BaseWork::of_bytes(random.size() * 8));
        for of in NAMES {
            let before = released_before(of, &turns, &queues);
            for (other, count) in released_before(of, &changed, &queues) {
                let allowed = before.get(&other).copied().unwrap_or(0);
                // Starts that were apart may coincide after rounding.
                assert!(
                    count <= allowed.max(1),
                    "seed {seed}: {of} waits for {count} of {other}, {allowed} before"
                );
                waited += count;
            }
        }
    }
    assert!(waited > 1000, "{waited}");
}

/// What a tenant is ahead is converted, not forgotten.
#[test]
fn tenant_waits_for_as_many_documents_with_half_the_base() {
    let mut turns = FairQueue::default().with_base(BaseWork::of_bytes(2 * MIB));
    turns.take(vec![queue("acme", &[10 * MIB])], 1);
    let queues = [queue("acme", &[0; 20]), queue("globex", &[0; 20])];
    let before = released_before("acme", &turns, &queues);
    let halved = turns.with_base(BaseWork::of_bytes(MIB));
    assert_eq!(released_before("acme", &halved, &queues), before);
    assert_eq!(before[&tenant("globex")], 6);
}

/// The sums of runs of documents of both sizes, by turns.
fn sums(runs: u64, sizes: [u64; 2], mut ms: impl FnMut(u64) -> u64) -> RunSums {
    let mut sums = RunSums::default();
    for number in 0..runs {
        let bytes = sizes[(number % 2) as usize];
        sums.add(bytes, ms(bytes));
    }
    sums
}

/// Of 100 turns of two tenants, those of the one with the larger documents, and the bytes of both.
fn turns_of_larger(base: BaseWork, [small, large]: [u64; 2]) -> (usize, [u64; 2]) {
    let mut turns = FairQueue::default().with_base(base);
    let queues = vec![queue("acme", &[small; 100]), queue("globex", &[large; 100])];
    let taken = turns.take(queues, 100);
    let (of_small, of_large) = (documents(&taken, "acme"), documents(&taken, "globex"));
    (of_large, [of_small as u64 * small, of_large as u64 * large])
}

#[test]
fn tenants_get_equal_numbers_of_turns_where_run_times_do_not_depend_on_the_size() {
    let sizes = [100 * KB, 5 * MB];
    let (before, _) = turns_of_larger(BaseWork::default(), sizes);
    assert!(before <= 7, "by bytes: {before}");
    for runs in [50, 200, 1000] {
        for seed in 0..40 {
            let mut random = Random(seed);
            let learned = sums(runs, sizes, |_| random.about(45_000)).learned();
            let (of_larger, _) = turns_of_larger(learned.base(), sizes);
            // Of few runs the line is a little askew.
            let least = if runs == 50 { 40 } else { 45 };
            assert!(
                (least..=51).contains(&of_larger),
                "{runs} runs, seed {seed}: {of_larger}, {learned}"
            );
        }
    }
}

#[test]
fn tenants_get_equal_shares_of_bytes_where_run_times_are_proportional() {
    let sizes = [MB, 50 * MB];
    for seed in 0..40 {
        let mut random = Random(seed);
        let proportional = sums(200, sizes, |bytes| random.about(bytes / 1000));
        let learned = proportional.learned();
        let queues = vec![
            queue("acme", &[sizes[0]; 2000]),
            queue("globex", &[sizes[1]; 40]),
        ];
        let taken = FairQueue::default()
            .with_base(learned.base())
            .take(queues, 1020);
        let bytes = [documents(&taken, "acme"), documents(&taken, "globex") * 50];
        let difference = bytes[0].abs_diff(bytes[1]);
        assert!(
            difference * 100 <= bytes[0].max(bytes[1]) * 15,
            "seed {seed}: {bytes:?} MB, {learned}"
        );
    }
}

#[test]
fn base_is_what_a_run_takes_besides_its_bytes() {
    let mut random = Random(7);
    let mut sums = RunSums::default();
    for _ in 0..500 {
        let bytes = random.up_to(8 * MIB);
        // 12 s, and 4 s for each MiB.
        sums.add(bytes, random.about(12_000 + 4 * bytes * 1000 / MIB));
    }
    let learned = sums.learned();
    let base = learned.base().bytes();
    assert!((5 * MIB / 2..7 * MIB / 2).contains(&base), "{learned}");
    let LearnedWork::BySize {
        each_ms, mib_ms, ..
    } = learned
    else {
        panic!("{learned}")
    };
    assert!((11_000..13_000).contains(&each_ms), "{learned}");
    assert!((3_700..4_300).contains(&mib_ms), "{learned}");
    assert!(
        learned.to_string().starts_with("A run takes about 1"),
        "{learned}"
    );
}

#[test]
fn thin_evidence_changes_nothing_and_says_so() {
    let few = sums(49, [KB, MB], |bytes| bytes / 100).learned();
    assert_eq!(few.base(), BaseWork::default());
    assert_eq!(
        few.to_string(),
        "Only 49 of 50 needed runs were measured, so a document counts as its bytes and 256 KB."
    );
    let alike = sums(500, [1000 * KB, 1100 * KB], |bytes| bytes / 100).learned();
    assert_eq!(alike.base(), BaseWork::default());
    assert_eq!(
        alike.to_string(),
        "The documents are about equally large, so a document counts as its bytes and 256 KB."
    );
    let empty = sums(500, [0, 0], |_| 45_000).learned();
    assert_eq!(empty, LearnedWork::SameSizes);
}

#[test]
fn fifty_runs_whose_sizes_differ_by_an_eighth_of_their_mean_are_enough() {
    let kib = |count: u64| count * 1024;
    let sizes = [kib(700), kib(900)];
    let learned = sums(50, sizes, |bytes| 2_050 + bytes / 1024 * 10).learned();
    let by_size = LearnedWork::BySize {
        base: BaseWork::of_bytes(kib(205)),
        each_ms: 2_050,
        mib_ms: 10_240,
    };
    assert_eq!(learned, by_size);
    assert_eq!(
        learned.to_string(),
        "A run takes about 2.0 s and 10.2 s for each MB, so a document counts as its bytes and 205 KB."
    );
    let closer = sums(50, [kib(701), kib(900)], |bytes| bytes / 100).learned();
    assert_eq!(closer, LearnedWork::SameSizes);
    let equal = sums(50, sizes, |_| 45_000).learned();
    assert_eq!(equal, LearnedWork::SameForAllSizes);
    // Each KiB that has begun counts, up to the work of the largest document.
    let of = |bytes| sums(1, [bytes, bytes], |_| 5);
    assert_eq!(of(1), of(1024));
    assert_ne!(of(1024), of(1025));
    assert_eq!(of(MAX_WORK), of(MAX_WORK + 1024));
}

#[test]
fn beyond_a_thousand_runs_the_earlier_ones_count_half() {
    const SIZES: [u64; 2] = [MIB, 3 * MIB];
    let earlier = |runs| sums(runs, SIZES, |bytes| 9_000 + bytes / 1000);
    let newer_ms = |bytes: u64| 3_000 + bytes / 500;
    let stored = |earlier_runs, newer_runs| {
        let stored = StoredRuns {
            hour: Timestamp(HOUR),
            of_hour: sums(newer_runs, SIZES, newer_ms),
            before: earlier(earlier_runs),
        };
        stored.learned()
    };
    let together = |earlier_runs, newer_runs: usize| {
        let mut all = earlier(earlier_runs);
        for bytes in SIZES.into_iter().cycle().take(newer_runs) {
            all.add(bytes, newer_ms(bytes));
        }
        all.learned()
    };
    assert_eq!(stored(600, 400), together(600, 400));
    assert_eq!(stored(600, 402), together(300, 402));
}

/// What chance makes of durations that do not depend on the size, in half of all cases.
#[test]
fn documents_count_the_same_where_larger_ones_take_no_longer() {
    let falling = sums(500, [MB, 5 * MB], |bytes| 60_000 - bytes / 500).learned();
    assert_eq!(falling.base().expected_work(0), MAX_WORK);
    assert_eq!(
        falling.to_string(),
        "Larger documents take no longer, so all documents count the same."
    );
}

#[test]
fn huge_documents_and_stored_nonsense_break_no_sum() {
    let mut sums = RunSums::default();
    for bytes in [0, u64::MAX, 1, 1 << 40].repeat(20) {
        sums.add(bytes, u64::MAX / 100);
    }
    let base = sums.learned().base();
    assert!(base.expected_work(u64::MAX) <= MAX_WORK);
    let memory = Memory::at(Timestamp(0));
    for body in [
        "no json",
        r#"{"before":{"runs":18446744073709551615,"kib":18446744073709551615,"ms":18446744073709551615,"kib_kib":18446744073709551615,"kib_ms":18446744073709551615}}"#,
        r#"{"before":{"runs":60,"kib":18446744073709551615,"ms":18446744073709551615,"kib_kib":1,"kib_ms":1}}"#,
        r#"{"before":{"runs":60,"kib":1,"ms":1,"kib_kib":18446744073709551615,"kib_ms":18446744073709551615}}"#,
    ] {
        let mut state = memory.state();
        let revision = state
            .records
            .get("capacity", ".runs-p")
            .map_or(0, |it| it.revision);
        let record = jobs::ports::Record {
            body: body.to_owned(),
            revision: revision + 1,
            expires_at: None,
        };
        assert!(state.records.put("capacity", ".runs-p", &record));
        drop(state);
        let base = learned_base(&memory, "p").now_or_never().unwrap().unwrap();
        assert!((64 * 1024..=MAX_WORK).contains(&base.bytes()), "{body}");
    }
}

/// A store in which hours are learned.
struct Store(Memory);

impl Store {
    fn learn(&self, pipeline: &str, hour: u64, runs: RunSums) {
        let learned = learn(&self.0, pipeline, Timestamp(hour * HOUR), runs);
        learned.now_or_never().unwrap().unwrap();
    }

    fn base(&self, pipeline: &str) -> BaseWork {
        let base = learned_base(&self.0, pipeline);
        base.now_or_never().unwrap().unwrap()
    }
}

#[test]
fn each_hour_is_learned_once_and_for_its_pipeline_only() {
    let store = Store(Memory::at(Timestamp(0)));
    let equal = || sums(30, [KB, 10 * MB], |_| 45_000);
    for _ in 0..3 {
        store.learn(PIPELINE, 100, equal());
        assert_eq!(store.base(PIPELINE), BaseWork::default(), "too few");
    }
    store.learn(PIPELINE, 99, equal());
    assert_eq!(store.base(PIPELINE), BaseWork::default(), "an earlier hour");
    store.learn(PIPELINE, 101, equal());
    assert_eq!(store.base(PIPELINE), BaseWork::of_bytes(u64::MAX));
    store.learn(PIPELINE, 101, RunSums::default());
    assert_eq!(store.base(PIPELINE), BaseWork::default(), "counted again");
    store.learn(PIPELINE, 101, equal());
    assert_eq!(store.base(PIPELINE), BaseWork::of_bytes(u64::MAX));
    assert_eq!(store.base("ocr-batch"), BaseWork::default());
}

/// Another model reads each page, where the one before took the first ones.
#[test]
fn base_follows_newer_runs() {
    let store = Store(Memory::at(Timestamp(0)));
    let mut hours = 1..;
    for hour in hours.by_ref().take(24) {
        store.learn(PIPELINE, hour, sums(100, [KB, 10 * MB], |_| 45_000));
    }
    assert_eq!(store.base(PIPELINE), BaseWork::of_bytes(u64::MAX));
    for hour in hours.take(48) {
        let by_size = sums(100, [KB, 10 * MB], |bytes| 5_000 + bytes / 200);
        store.learn(PIPELINE, hour, by_size);
    }
    // 5 s are the time of a megabyte.
    let base = store.base(PIPELINE).bytes();
    assert!((900 * KB..1200 * KB).contains(&base), "{base}");
}
