//! Whose turn it is: tenants, large documents, lanes and urgent jobs.

use super::*;

/// The time that a tenant waits must not depend on how much another one has queued.
#[test]
fn wait_of_a_tenant_does_not_depend_on_the_size_of_another_ones_queue() {
    let mut waits = BTreeSet::new();
    for others in [10, 100, 1000] {
        let mut scene = Scene::new();
        scene.queue("acme", others);
        let mut running = scene.release();
        scene.pass(20);
        let [own] = scene.queue("globex", 1)[..] else {
            unreachable!()
        };
        let mut ended = 0;
        while !running.contains(&own) {
            scene.end(running.remove(0));
            ended += 1;
            running.extend(scene.release());
        }
        waits.insert(ended);
    }
    let longest = *waits.last().unwrap();
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert!(
        longest <= 2,
        "{longest} runs of others ended before its turn"
    );
}

#[test]
fn tenants_that_wait_take_turns() {
    let mut scene = Scene::new();
    let names = ["acme", "globex", "initech"];
    for name in names {
        scene.queue(name, 50);
    }
    let mut running = scene.release();
    let mut turns = Vec::new();
    for _ in 0..18 {
        scene.pass(20);
        scene.end(running.remove(0));
        let released = scene.release();
        turns.extend(released.iter().map(|id| scene.tenant(*id)));
        running.extend(released);
    }
    for name in names {
        let count = turns.iter().filter(|of| of.as_str() == name).count();
        assert!((5..=7).contains(&count), "{name} had {count} of 18");
    }
}

/// Of 18 turns of two tenants, those of the one whose documents are fifty times as large.
fn turns_of_large_documents(base: BaseWork) -> usize {
    let mut scene = Scene::new();
    scene.base = base;
    scene.store_window();
    for (name, bytes) in [("acme", 100_000), ("globex", 5_000_000)] {
        for id in scene.queue(name, 50) {
            let mut state = scene.memory.state();
            state.jobs.get_mut(&id).unwrap().input.bytes = bytes;
        }
    }
    let mut running = scene.release();
    let mut turns = 0;
    for _ in 0..18 {
        scene.pass(20);
        let pauses = wait(Pauses::load(&scene.memory, scene.memory.now())).unwrap();
        let predicted = scene.predicted(&pauses, 9, 6000);
        scene.end(running.remove(0));
        let released = scene.release();
        assert_eq!(released[..], predicted.unwrap()[..1]);
        let of_large = |id: &&JobId| scene.tenant(**id).as_str() == "globex";
        turns += released.iter().filter(of_large).count();
        running.extend(released);
    }
    turns
}

#[test]
fn turns_are_weighted_by_the_base_that_is_known_with_the_window() {
    let by_bytes = turns_of_large_documents(BaseWork::default());
    assert!(by_bytes <= 2, "{by_bytes} of 18");
    let all_alike = turns_of_large_documents(BaseWork::of_bytes(u64::MAX));
    assert!((8..=10).contains(&all_alike), "{all_alike} of 18");
}

/// How many documents of acme are released before a small one of globex, if one of 20 MB had its turn before `before` of acme, and
/// the queue was then empty or not.
fn turns_after_a_large_document(before: usize, is_emptied: bool) -> usize {
    let mut scene = Scene::new();
    let [large] = scene.queue("globex", 1)[..] else {
        unreachable!()
    };
    let bytes_of = |scene: &Scene, id, bytes| {
        let mut state = scene.memory.state();
        state.jobs.get_mut(&id).unwrap().input.bytes = bytes;
    };
    bytes_of(&scene, large, 20_000_000);
    let (more, later) = if is_emptied { (0, 200) } else { (200, 0) };
    for id in scene.queue("acme", before + WINDOW + more) {
        bytes_of(&scene, id, 20_000);
    }
    let mut running = scene.release();
    assert!(running.contains(&large));
    let mut others = 0;
    while others < before {
        scene.pass(20);
        scene.end(running.remove(0));
        let next = scene.release();
        others += next.len();
        running.extend(next);
    }
    if is_emptied {
        while let Some(id) = running.pop() {
            scene.pass(20);
            scene.end(id);
            running.extend(scene.release());
        }
        scene.pass(3600);
    }
    for id in scene.queue("acme", later) {
        bytes_of(&scene, id, 20_000);
    }
    running.extend(scene.release());
    scene.pass(20);
    let [small] = scene.queue("globex", 1)[..] else {
        unreachable!()
    };
    let mut released = Vec::new();
    while !released.contains(&small) {
        scene.pass(20);
        scene.end(running.remove(0));
        let next = scene.release();
        running.extend(&next);
        released.extend(next);
    }
    released.len() - 1
}

#[test]
fn tenant_waits_for_the_others_that_waited_when_its_large_document_was_released() {
    let waited = turns_after_a_large_document(5, false);
    assert!((50..80).contains(&waited), "{waited}");
}

#[test]
fn releases_of_another_tenant_alone_count_for_the_one_whose_large_document_was_released() {
    let waited = turns_after_a_large_document(100, false);
    assert!(waited <= WINDOW, "{waited} others before it");
}

#[test]
fn tenant_does_not_wait_for_its_large_document_once_the_queue_was_empty() {
    let waited = turns_after_a_large_document(5, true);
    assert!(waited <= WINDOW, "{waited} others before it");
}

/// They are written only while another tenant is ahead because of its last turn.
#[test]
fn releases_of_one_tenant_alone_soon_write_no_turns() {
    let mut scene = Scene::new();
    scene.queue("globex", 1);
    scene.queue("acme", 40);
    let mut running = scene.release();
    for _ in 0..20 {
        scene.pass(20);
        scene.end(running.remove(0));
        running.extend(scene.release());
    }
    scene.pass(20);
    scene.end(running.remove(0));
    scene.memory.state().calls.clear();
    assert_eq!(scene.release().len(), 1);
    assert_eq!(scene.memory.state().calls.get("put_record"), None);
}

/// The others may have had turns while they were alone.
#[test]
fn turns_begin_with_the_tenant_that_came_last_after_urgent_jobs() {
    for [first, last] in [["acme", "globex"], ["globex", "acme"]] {
        let mut scene = Scene::new();
        scene.queue(first, 5);
        scene.pass(1);
        let own = scene.queue(last, 1);
        scene.pass(1);
        let urgent = scene.queue_in("initech", 1, Lane::Standard, true);
        scene.at_endpoint("acme", WINDOW - 2);
        assert_eq!(scene.release(), [urgent, own].concat(), "{last}");
    }
}

#[test]
fn first_turns_are_weighted_by_the_base_that_is_known_with_the_window() {
    let mut scene = Scene::new();
    scene.base = BaseWork::of_bytes(u64::MAX);
    // A hundred places.
    scene.store_window_for(50);
    for (name, bytes) in [("acme", 100_000), ("globex", 5_000_000)] {
        for id in scene.queue(name, 100) {
            let mut state = scene.memory.state();
            state.jobs.get_mut(&id).unwrap().input.bytes = bytes;
        }
    }
    let released = scene.release();
    let of_large = |id: &&JobId| scene.tenant(**id).as_str() == "globex";
    let of_large = released.iter().filter(of_large).count();
    assert!((49..=51).contains(&of_large), "{of_large} of 100");
}

/// One release in five, of whatever tenants.
#[test]
fn lane_bulk_gives_way_and_does_not_starve() {
    let mut scene = Scene::new();
    for name in ["acme", "globex"] {
        scene.queue(name, 50);
    }
    scene.queue_in("acme", 50, Lane::Bulk, false);
    let mut running = scene.release();
    let mut of_bulk = 0;
    for _ in 0..20 {
        scene.pass(20);
        scene.end(running.remove(0));
        let released = scene.release();
        let state = scene.memory.state();
        let lane = |id: &JobId| state.jobs[id].input.labels.lane;
        of_bulk += released.iter().filter(|id| lane(id) == Lane::Bulk).count();
        drop(state);
        running.extend(released);
    }
    assert_eq!(of_bulk, 4);
}

#[test]
fn urgent_jobs_are_released_before_all_others() {
    let mut scene = Scene::new();
    scene.queue("acme", 250);
    scene.queue_in("initech", 10, Lane::Bulk, false);
    scene.pass(1);
    let urgent = scene.queue_in("globex", 2, Lane::Bulk, true);
    scene.pass(1);
    let also = scene.queue_in("acme", 1, Lane::Standard, true);
    let released = scene.release();
    assert_eq!(released[..3], [&urgent[..], &also].concat());
    assert_eq!(released.len(), WINDOW);
}

/// With more queues than a release reads.
#[test]
fn urgent_jobs_are_released_however_many_tenants_wait() {
    let mut scene = Scene::new();
    for number in 0..220 {
        scene.queue(&format!("tenant-{number}"), 1);
    }
    let urgent = scene.queue_in("acme", 1, Lane::Standard, true);
    assert_eq!(scene.release()[..1], urgent);
}
