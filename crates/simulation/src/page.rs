//! Web pages: they ask for a ticket, connect, sync every minute, lose their connection and come back.

use std::collections::BTreeMap;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use jobs::ports::Ticket;
use jobs::state::State;
use serde::Deserialize;
use serde_json::Value;

use crate::check::PROMISE_8;
use crate::fault::Fault;
use crate::lambda::Task;
use crate::table::Row;
use crate::world::{Event, HOUR, MINUTE, SECOND, World};

/// What a page does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageStep {
    /// It asks for a connection.
    Visit,
    /// API Gateway opens the connection.
    Opened,
    /// It asks what the table says.
    Sync,
    /// It goes away.
    Leave,
}

/// How a page is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PageConnection {
    None,
    /// The authorizer or `$connect` is at work.
    Asking {
        id: String,
    },
    /// `$connect` said yes; posts still answer 410.
    Opening {
        id: String,
    },
    Open {
        id: String,
    },
}

#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) subscription: String,
    pub(crate) connection: PageConnection,
    /// The newest version seen of each job.
    pub(crate) known: BTreeMap<String, u64>,
    /// The last snapshot had all jobs in it; a tenant with many sees the newest.
    pub(crate) complete: bool,
    context: BTreeMap<String, Value>,
    /// When it goes away, in virtual time.
    leaves_at: u64,
    /// It comes back that often.
    visits_left: u32,
}

impl Page {
    pub(crate) const fn new(subscription: String, visits: u32) -> Self {
        Self {
            subscription,
            connection: PageConnection::None,
            known: BTreeMap::new(),
            complete: true,
            context: BTreeMap::new(),
            leaves_at: 0,
            visits_left: visits,
        }
    }
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Frame {
    #[serde(rename = "job.changed")]
    Changed { job: View },
    #[serde(rename = "snapshot")]
    Snapshot { jobs: Vec<View>, more: bool },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct View {
    id: String,
    version: u64,
    tenant: String,
}

impl World {
    pub(crate) fn page_steps(&mut self, at: usize, step: PageStep) {
        match (step, self.pages[at].connection.clone()) {
            (PageStep::Visit, PageConnection::None) => self.visit(at),
            (PageStep::Opened, PageConnection::Opening { id }) => {
                self.log(|| format!("page {at}     is connected as {id}"));
                self.pages[at].connection = PageConnection::Open { id };
                // A page starts empty and asks at once.
                self.after(5, Event::Page(at, PageStep::Sync));
            }
            (PageStep::Sync, PageConnection::Open { .. })
                if self.pages[at].leaves_at <= self.now =>
            {
                self.leave(at)
            }
            (PageStep::Sync, PageConnection::Open { .. }) => {
                self.ask(at, PageStep::Sync);
                self.after(MINUTE, Event::Page(at, PageStep::Sync));
            }
            _ => {}
        }
    }

    /// Everyone who comes back does so once more, and stays.
    pub(crate) fn last_visit(&mut self) {
        for at in 0..self.pages.len() {
            self.pages[at].leaves_at = u64::MAX;
            self.pages[at].visits_left = 0;
            self.after(1, Event::Page(at, PageStep::Visit));
        }
    }

    fn visit(&mut self, at: usize) {
        let id = format!("c{}", self.fresh_id());
        let ticket = format!("t{}", self.fresh_id());
        let now = self.wall().0;
        let page = &mut self.pages[at];
        page.connection = PageConnection::Asking { id };
        page.known.clear();
        let ends = jobs::id::Timestamp(now + 2 * HOUR);
        let issued = Ticket {
            uploader: None,
            subscription: page.subscription.clone(),
            actor: "somebody".to_owned(),
            expires_at: jobs::id::Timestamp(now + MINUTE),
            token_expires_at: ends,
        };
        self.tickets.insert(ticket.clone(), issued);
        let stays = self.between(30 * SECOND, 20 * MINUTE);
        let page = &mut self.pages[at];
        if page.leaves_at != u64::MAX {
            page.leaves_at = self.now + stays;
        }
        self.after(
            10,
            Event::Start(Box::new(Task::Authorize { page: at, ticket })),
        );
    }

    pub(crate) fn page_authorized(&mut self, at: usize, answer: &Value) {
        let allowed = answer["policyDocument"]["Statement"][0]["Effect"] == "Allow";
        let Some(context) = answer["context"].as_object().filter(|_| allowed) else {
            return self.page_step_failed(at, PageStep::Visit);
        };
        self.pages[at].context = context.clone().into_iter().collect();
        self.ask(at, PageStep::Opened);
    }

    fn ask(&mut self, at: usize, step: PageStep) {
        let page = &self.pages[at];
        let (PageConnection::Asking { id }
        | PageConnection::Opening { id }
        | PageConnection::Open { id }) = &page.connection
        else {
            return;
        };
        let mut event = ApiGatewayWebsocketProxyRequest::default();
        event.request_context.connection_id = Some(id.clone());
        event.request_context.authorizer.fields = page.context.clone().into_iter().collect();
        event.body = Some(r#"{"action":"sync"}"#.to_owned());
        self.after(
            5,
            Event::Start(Box::new(Task::Page {
                page: at,
                step,
                event,
            })),
        );
    }

    pub(crate) fn page_step_done(&mut self, at: usize, step: PageStep) {
        if step == PageStep::Opened
            && let PageConnection::Asking { id } = self.pages[at].connection.clone()
        {
            self.pages[at].connection = PageConnection::Opening { id };
            let slow = if self.strikes(Fault::PageOpensSlowly) {
                self.between(SECOND, 5 * SECOND)
            } else {
                5
            };
            self.after(slow, Event::Page(at, PageStep::Opened));
        }
    }

    pub(crate) fn page_step_failed(&mut self, at: usize, step: PageStep) {
        match step {
            PageStep::Visit | PageStep::Opened => {
                self.pages[at].connection = PageConnection::None;
                self.after(5 * SECOND, Event::Page(at, PageStep::Visit));
            }
            // It asks again within a minute; a row that stays is found by the next push.
            PageStep::Sync | PageStep::Leave => {}
        }
    }

    fn leave(&mut self, at: usize) {
        self.log(|| format!("page {at}     goes away"));
        if !self.strikes(Fault::PageVanished) {
            self.ask(at, PageStep::Leave);
        }
        let page = &mut self.pages[at];
        page.connection = PageConnection::None;
        if page.visits_left > 0 {
            page.visits_left -= 1;
            let pause = self.between(SECOND, 4 * HOUR);
            self.after(pause, Event::Page(at, PageStep::Visit));
        }
    }

    /// A frame is posted to a connection. `false`: there is no such connection.
    pub(crate) fn deliver_frame(&mut self, connection: &str, frame: &[u8]) -> bool {
        let open = |page: &Page| matches!(&page.connection, PageConnection::Open { id } if id == connection);
        let Some(at) = self.pages.iter().position(open) else {
            return false;
        };
        if self.strikes(Fault::PushLost) {
            return true;
        }
        let (views, snapshot) = match serde_json::from_slice(frame) {
            Ok(Frame::Changed { job }) => (vec![job], None),
            Ok(Frame::Snapshot { jobs, more }) => (jobs, Some(!more)),
            Ok(Frame::Other) | Err(_) => (vec![], None),
        };
        for view in views {
            if view.tenant != self.pages[at].subscription {
                let (own, other) = (self.pages[at].subscription.clone(), view.tenant.clone());
                self.broken(PROMISE_8, || {
                    format!("a page of {own} was shown a job of {other}")
                });
            }
            let known = self.pages[at].known.entry(view.id).or_default();
            *known = (*known).max(view.version);
        }
        if let Some(complete) = snapshot {
            self.pages[at].complete = complete;
            if complete {
                self.check_snapshot(at);
            }
        }
        true
    }

    /// A complete snapshot shows at least what the table said a moment before it was asked for.
    fn check_snapshot(&mut self, at: usize) {
        let Some(asked_at) = self.functions.get(&self.current).map(|meta| meta.began_at) else {
            return;
        };
        let settled = asked_at.saturating_sub(3 * SECOND);
        let tenant = &self.pages[at].subscription;
        let known = &self.pages[at].known;
        let missed = |row: &&Row| {
            row.job.tenant.as_str() == tenant
                && row.saved_at < settled
                && is_listed(row)
                && known
                    .get(&row.job.id.to_string())
                    .is_none_or(|known| *known < row.job.version)
        };
        let stale = self
            .table
            .rows
            .values()
            .find(missed)
            .map(|row| (row.job.id, row.job.version));
        if let Some((job, version)) = stale {
            self.broken(crate::check::PROMISE_7, || {
                format!(
                    "page {at} asked, and was not told of {} v{version}",
                    crate::world::short(job)
                )
            });
        }
    }
}

/// Snapshots do not list what was cancelled: a page drops what a complete snapshot does not have.
pub(crate) const fn is_listed(row: &Row) -> bool {
    !matches!(row.job.state, State::Cancelled { .. })
}
