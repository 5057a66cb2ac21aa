//! A stand-in for the reconciler: wakes overdue jobs, sends dead letters again, announces objects without a job.

use jobs::ports::{Unavailable, WakeUp, WakeUpQueue};

use crate::bucket::announcement;
use crate::mistake::Mistake;
use crate::ports::Ports;
use crate::queue::{Kind, Message, QueueName};
use crate::world::{MINUTE, World};

/// How often the schedule calls it, in milliseconds of virtual time.
pub(crate) const EVERY: u64 = 5 * MINUTE;
/// Objects younger than that are left to S3's own announcement.
const SWEEP_AGE: u64 = 10 * MINUTE;
/// The most that one run does of each kind.
const PAGE: usize = 50;

/// Sends what is missing. It writes no state.
pub(crate) async fn stand_in_reconciler(ports: &Ports) -> Result<(), Unavailable> {
    for queue in QueueName::ALL {
        redrive(ports, queue).await?;
    }
    let overdue = ports
        .call("overdue", |world| {
            if world.made(Mistake::NoWakeUps) {
                vec![]
            } else {
                world.overdue(PAGE)
            }
        })
        .await?;
    let messages: Vec<(WakeUp, u32)> = overdue.into_iter().map(|wake_up| (wake_up, 0)).collect();
    if !messages.is_empty() {
        // Those that were not taken are found again next time.
        let _ = ports.send(&messages).await;
    }
    let found = ports
        .call("list versions", |world| {
            if world.made(Mistake::NoSweep) {
                vec![]
            } else {
                without_job(world)
            }
        })
        .await?;
    for body in found {
        ports
            .call("send upload", |world| {
                world.send(QueueName::Uploads, 20, Message::new(body, Kind::Upload))
            })
            .await?;
    }
    Ok(())
}

/// Sends dead letters again, then deletes them: in this order none is lost.
async fn redrive(ports: &Ports, queue: QueueName) -> Result<(), Unavailable> {
    let letters = ports
        .call("receive", |world| {
            let forgotten = world.made(Mistake::DeadLettersForgotten);
            let dead = &world.queues.get(queue).dead;
            dead.iter()
                .take(if forgotten { 0 } else { PAGE })
                .cloned()
                .collect::<Vec<_>>()
        })
        .await?;
    for (id, mut letter) in letters {
        letter.first_id.get_or_insert_with(|| format!("m{id}"));
        ports
            .call("send", |world| world.send(queue, 20, letter))
            .await?;
        ports
            .call("delete", |world| {
                world
                    .queues
                    .get(queue)
                    .dead
                    .retain(|(known, _)| *known != id)
            })
            .await?;
    }
    Ok(())
}

fn without_job(world: &World) -> Vec<String> {
    let old_enough = world.now.saturating_sub(SWEEP_AGE);
    let keys = world
        .bucket
        .objects
        .keys()
        .filter(|key| world.pipelines.of_key(key).is_some());
    keys.filter_map(|key| {
        let (version, object) = world.bucket.current(key)?;
        let missing = version.at <= old_enough && world.table.job_of(key, &version.id).is_none();
        missing.then(|| announcement(key, &version.id, object.bytes))
    })
    .take(PAGE)
    .collect()
}
