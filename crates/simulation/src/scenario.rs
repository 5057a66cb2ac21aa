//! What people do in a history: customers upload, overwrite and delete, support retries and cancels,
//! and things that nobody asked for arrive in the queues.

use std::rc::Rc;

use jobs::id::JobId;
use jobs::state::State;

use crate::bucket::{Object, Source, announcement};
use crate::call::{CALLS, Outage};
use crate::fault::Fault;
use crate::lambda::Task;
use crate::page::{Page, PageStep};
use crate::queue::{Kind, Message};
use crate::world::{BUCKET, Event, HOUR, MINUTE, SECOND, World};
use jobs::ports::Queue;

/// Something that a person does, or that happens to the service.
#[derive(Debug)]
pub(crate) enum Deed {
    Upload {
        key: String,
        poisoned: bool,
    },
    /// A PDF of a given size, with nothing wrong about it.
    Put {
        key: String,
        bytes: u64,
    },
    Delete {
        key: String,
    },
    /// Support picks a job, if there is one in the right state, and does something about it.
    Support {
        cancel: bool,
    },
    Junk {
        number: u64,
    },
}

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

impl World {
    /// Plans a history with so many uploads.
    pub(crate) fn plan_history(&mut self, uploads: u32) {
        let window =
            [MINUTE, 30 * MINUTE, 6 * HOUR][usize::try_from(self.rng.up_to(2)).unwrap_or(0)];
        let prefixes: Vec<String> = self
            .pipelines
            .iter()
            .map(|pipeline| pipeline.prefix.clone())
            .collect();
        for number in 0..uploads {
            let prefix = prefixes
                [usize::try_from(self.rng.up_to(prefixes.len() as u64 - 1)).unwrap_or(0)]
            .clone();
            let at = self.between(0, window);
            self.plan_upload(&prefix, number, at);
        }
        for _ in 0..uploads.div_ceil(8) {
            if self.rng.up_to(2) == 0 {
                let (at, cancel) = (self.between(0, window + 2 * HOUR), self.rng.up_to(2) == 0);
                self.deed(at, Deed::Support { cancel });
            }
        }
        for number in 0..u64::from(uploads) {
            if self.strikes(Fault::MessageGarbled) || self.strikes(Fault::NotificationStray) {
                let at = self.between(0, window);
                self.deed(at, Deed::Junk { number });
            }
        }
        for at in 0..self.endpoints.len() {
            if self.strikes(Fault::EndpointDown) {
                // One outage in four lasts longer than most jobs may take.
                let longest = if self.rng.up_to(3) == 0 { 30 } else { 10 } * HOUR;
                let (from, lasts) = (self.between(0, window), self.between(MINUTE, longest));
                self.after(from, Event::InService(at, false));
                self.after(from + lasts, Event::InService(at, true));
            }
            if self.strikes(Fault::CapacityGone) {
                let (from, lasts) = (self.between(0, window), self.between(HOUR, 12 * HOUR));
                self.after(from, Event::Capacity(at, false));
                self.after(from + lasts, Event::Capacity(at, true));
            }
        }
        for what in CALLS {
            if self.rng.up_to(2) == 0 && self.strikes(Fault::Outage) {
                let (from, lasts) = (self.between(0, window), self.between(MINUTE, 2 * HOUR));
                let until = from + lasts;
                self.outages.push(Outage { what, from, until });
            }
        }
        if self.strikes(Fault::ReleaseMixed) {
            self.released = false;
            let until = self.between(MINUTE, HOUR);
            self.after(until, Event::Released);
        }
        for tenant in TENANTS {
            let visits = u32::try_from(self.rng.up_to(2)).unwrap_or(0);
            self.pages.push(Page::new(tenant.to_owned(), visits));
            let at = self.between(0, window);
            self.after(at, Event::Page(self.pages.len() - 1, PageStep::Visit));
        }
        self.after(self.timing.function, Event::Tick);
    }

    fn plan_upload(&mut self, prefix: &str, number: u32, at: u64) {
        let tenant = TENANTS[usize::try_from(self.rng.up_to(2)).unwrap_or(0)];
        let name = match self.rng.up_to(9) {
            0 => format!("Müller & Söhne {number}.pdf"),
            1 => format!("a+b {number}.pdf"),
            _ => format!("{number}.pdf"),
        };
        let key = format!("{prefix}{tenant}/{name}");
        let poisoned = self.strikes(Fault::InputPoisoned);
        self.deed(
            at,
            Deed::Upload {
                key: key.clone(),
                poisoned,
            },
        );
        let soon =
            [10 * SECOND, 10 * MINUTE, 8 * HOUR][usize::try_from(self.rng.up_to(2)).unwrap_or(0)];
        let mut last = at;
        while self.strikes(Fault::InputOverwritten) {
            last += self.between(1, soon);
            self.deed(
                last,
                Deed::Upload {
                    key: key.clone(),
                    poisoned: false,
                },
            );
        }
        if self.strikes(Fault::InputDeleted) {
            last += self.between(1, soon);
            self.deed(last, Deed::Delete { key });
        }
    }

    pub(crate) fn deed(&mut self, at: u64, deed: Deed) {
        self.deeds_left += 1;
        self.after(at, Event::Deed(Box::new(deed)));
    }

    pub(crate) fn perform_deed(&mut self, deed: Deed) {
        self.deeds_left -= 1;
        match deed {
            Deed::Upload { key, poisoned } => self.upload_file(&key, poisoned),
            Deed::Put { key, bytes } => {
                let object = Object {
                    bytes,
                    first: Rc::from(&b"%PDF-1.7\n"[..]),
                    sealed: false,
                    source: Source::Upload { poisoned: false },
                };
                self.upload(&key, object);
            }
            Deed::Delete { key } => {
                self.log(|| format!("customer   deletes {key}"));
                self.bucket.put(self.now, &key, None);
            }
            Deed::Support { cancel } => self.support_acts(cancel),
            Deed::Junk { number } => self.junk(number),
        }
    }

    fn upload_file(&mut self, key: &str, poisoned: bool) {
        // Half of the poison is seen before the endpoint is called, half only by the model.
        let (first, bytes): (&[u8], u64) = match (poisoned, self.rng.up_to(3)) {
            (true, 0) => (b"", 0),
            (true, 1) => (b"PK\x03\x04", 1000),
            _ => (b"%PDF-1.7\n", 20_000),
        };
        let object = Object {
            bytes,
            first: Rc::from(first),
            sealed: self.strikes(Fault::InputSealed),
            source: Source::Upload { poisoned },
        };
        self.upload(key, object);
    }

    fn support_acts(&mut self, cancel: bool) {
        let open = |state: &State| state.check_deadline().is_some();
        let fits = |state: &State| {
            if cancel {
                open(state)
            } else {
                matches!(state, State::Failed { .. })
            }
        };
        let jobs: Vec<JobId> = self
            .table
            .rows
            .values()
            .filter(|row| fits(&row.job.state))
            .map(|row| row.job.id)
            .collect();
        if jobs.is_empty() {
            return;
        }
        let job = jobs[usize::try_from(self.rng.up_to(jobs.len() as u64 - 1)).unwrap_or(0)];
        self.after(1, Event::Start(Box::new(Task::Support { job, cancel })));
    }

    /// Something arrives that belongs into quarantine.
    fn junk(&mut self, number: u64) {
        let stray = JobId::of_key("nobody", &number.to_string());
        let result = |status: &str, attempt: &str| {
            format!(
                r#"{{"invocationStatus":"{status}","eventSource":"aws:sagemaker","eventName":"InferenceResult","inferenceId":"{stray}.{attempt}","responseParameters":{{"outputLocation":"s3://{BUCKET}/outbound/legal-review/{number}.out"}}}}"#
            )
        };
        let (queue, body) = match self.rng.up_to(6) {
            0 => (
                Queue::Uploads,
                format!("{{\"Records\":[{{\"n\":{number}}}]}}"),
            ),
            1 => (
                Queue::Uploads,
                announcement(&format!("elsewhere/{number}.pdf"), "v0", 1),
            ),
            2 => (Queue::InferenceSuccess, result("Completed", "a1")),
            3 => (Queue::InferenceError, result("Failed", "a1")),
            4 => (Queue::InferenceError, result("Failed", "b7")),
            5 => (
                Queue::Checks,
                format!(r#"{{"job_id":"{stray}","attempt":1}}"#),
            ),
            _ => (Queue::InferenceSuccess, format!("no JSON {number}")),
        };
        self.log(|| format!("somebody   sends {body} to {}", queue.name()));
        self.expect_in_quarantine(&body, &Kind::Junk);
        self.send(queue, 10, Message::new(body, Kind::Junk));
    }
}
