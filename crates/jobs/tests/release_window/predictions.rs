//! The predicted order of releases is the order in which jobs are released.

use super::*;

/// The order that users are shown is the order of the releases.
#[test]
fn jobs_are_released_in_the_order_that_was_predicted() {
    let mut scene = Scene::new();
    scene.queue("acme", 9);
    scene.queue("globex", 3);
    scene.queue_in("acme", 3, Lane::Bulk, false);
    let mut running = scene.release();
    scene.pass(20);
    scene.queue_in("initech", 1, Lane::Standard, true);
    let pauses = wait(Pauses::load(&scene.memory, scene.memory.now())).unwrap();
    let predicted = |max| scene.predicted(&pauses, max, 6000);
    let expected = predicted(9).unwrap();
    assert_eq!(expected.len(), 16 - WINDOW);
    assert_eq!(predicted(3), None, "more queues than are read");
    let mut released = Vec::new();
    while released.len() < expected.len() {
        scene.end(running.remove(0));
        released.extend(scene.release());
        running.extend(released.last());
        scene.pass(20);
    }
    assert_eq!(released, expected);
}

/// A tenant that has uploaded a thousand documents sees when the last of them is sent, and so do many that uploaded few.
#[test]
fn turns_are_predicted_in_long_queues_and_in_many() {
    let mut scene = Scene::new();
    let mut acme = scene.queue("acme", 2500);
    scene.queue("globex", 3);
    for number in 0..100 {
        scene.queue(&format!("tenant-{number}"), 2);
    }
    let pauses = wait(Pauses::load(&scene.memory, NOW)).unwrap();
    let all = scene.predicted(&pauses, 200, 6000).unwrap();
    assert_eq!(all.len(), 2703);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 2703);
    let of_acme = all
        .iter()
        .filter(|id| scene.tenant(**id).as_str() == "acme");
    let of_acme: Vec<JobId> = of_acme.copied().collect();
    acme.sort();
    assert_eq!(of_acme, acme, "oldest first");
    // As many of the longest queue as are left of the jobs that may be read.
    let some = scene.predicted(&pauses, 200, 1000).unwrap();
    assert_eq!(some.len(), 1000);
    assert_eq!(some[..400], all[..400]);
    // The heads: 200 of the longest queue, and all others.
    for (jobs, are_known) in [(403, true), (402, false)] {
        let predicted = scene.predicted(&pauses, 200, jobs);
        assert_eq!(predicted.is_some(), are_known, "{jobs}");
    }
    assert_eq!(scene.predicted(&pauses, 100, 6000), None, "more queues");
}

/// Two long queues have the same share of what may be read.
#[test]
fn predicted_turns_end_in_all_long_queues_at_the_same_place() {
    let mut scene = Scene::new();
    scene.queue("acme", 1500);
    scene.queue("globex", 900);
    let pauses = wait(Pauses::load(&scene.memory, NOW)).unwrap();
    let some = scene.predicted(&pauses, 200, 1000).unwrap();
    let of_acme = some
        .iter()
        .filter(|id| scene.tenant(**id).as_str() == "acme");
    assert_eq!((of_acme.count(), some.len()), (500, 1000));
}

/// A page of one queue may have jobs of the next one.
#[test]
fn whole_queues_are_predicted_if_they_are_few_jobs() {
    let mut scene = Scene::new();
    scene.queue("acme", 1500);
    scene.queue("globex", 1500);
    let pauses = wait(Pauses::load(&scene.memory, NOW)).unwrap();
    let all = scene.predicted(&pauses, 200, 6000).unwrap();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 3000);
}
