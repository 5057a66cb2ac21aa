//! Web pages: they get a ticket, connect, sync every minute, lose their connection and come back. And the two tables
//! behind them, of tickets and of connections.

use std::collections::BTreeMap;

use api::snapshot::MAX_CHECKED_JOBS;
use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use jobs::id::Timestamp;
use jobs::ports::{Connection, Ticket};
use serde::Serialize;
use serde_json::Value;

use crate::environment::SimulationEnvironment;
use crate::fault::FaultKind;
use crate::mistake::Mistake;
use crate::pushed_frame;
use crate::time::{HOUR, MINUTE, SECOND};
use crate::timeline::After;

/// The next action of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageStep {
    /// It asks for a connection.
    Visit,
    /// API Gateway opens the connection.
    Opened,
    /// It asks for a snapshot.
    Sync,
    Leave,
}

#[derive(Debug)]
pub(crate) enum PageConsequence {
    Step(usize, PageStep),
    Authorize {
        page: usize,
        ticket: String,
    },
    /// A WebSocket route is called.
    Call {
        page: usize,
        step: PageStep,
        event: Box<ApiGatewayWebsocketProxyRequest>,
    },
}

/// A page with more jobs is reloaded when its connection is lost: it would take too many syncs to look them all up.
const MAX_KEPT_JOBS: usize = 3 * MAX_CHECKED_JOBS;

type PageConsequences = Vec<After<PageConsequence>>;

/// How a page is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PageConnection {
    None,
    /// The authorizer or `$connect` is running.
    Asking {
        id: String,
    },
    /// `$connect` succeeded; posts still answer 410.
    Opening {
        id: String,
    },
    Open {
        id: String,
    },
}

/// The newest version of a job that a page has seen.
#[derive(Debug)]
pub(crate) struct SeenVersion {
    pub(crate) version: u64,
    status_group: &'static str,
}

#[derive(Serialize)]
struct SyncMessage<'a> {
    action: &'static str,
    known: Vec<(&'a str, u64, &'a str)>,
    mark: &'a str,
}

#[derive(Debug)]
pub(crate) struct SimulatedPage {
    pub(crate) subscription: String,
    connection: PageConnection,
    pub(crate) known: BTreeMap<String, SeenVersion>,
    /// The mark of the last snapshot that had one.
    mark: Option<String>,
    /// It says what it knows, and gets only what changed. Some clients do not.
    names_known: bool,
    /// How many snapshots it has asked for.
    syncs: usize,
    /// The last snapshot had all jobs. For a tenant with many jobs it has only the newest.
    pub(crate) complete: bool,
    context: BTreeMap<String, Value>,
    /// When it disconnects.
    leaves_at: u64,
    /// How often it reconnects.
    visits_left: u32,
}

impl SimulatedPage {
    pub(crate) const fn new(subscription: String, visits: u32) -> Self {
        Self {
            subscription,
            connection: PageConnection::None,
            known: BTreeMap::new(),
            mark: None,
            names_known: false,
            syncs: 0,
            complete: true,
            context: BTreeMap::new(),
            leaves_at: 0,
            visits_left: visits,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.connection, PageConnection::Open { .. })
    }

    /// Says what the page knows. The jobs that come first are looked up, so each sync begins with other ones.
    fn sync_message<'a>(&'a self) -> String {
        let Some(mark) = self.mark.as_ref().filter(|_| self.names_known) else {
            return r#"{"action":"sync"}"#.to_owned();
        };
        let first = MAX_CHECKED_JOBS * self.syncs % self.known.len().max(1);
        let entry = |(id, known): (&'a String, &'a SeenVersion)| {
            (id.as_str(), known.version, known.status_group)
        };
        let (before, from) = (self.known.iter().take(first), self.known.iter().skip(first));
        let message = SyncMessage {
            action: "sync",
            known: from.chain(before).map(entry).collect(),
            mark,
        };
        serde_json::to_string(&message).unwrap_or_default()
    }

    fn forget_everything(&mut self) {
        self.known.clear();
        self.mark = None;
    }

    fn call(&self, page: usize, step: PageStep) -> Option<After<PageConsequence>> {
        let (PageConnection::Asking { id }
        | PageConnection::Opening { id }
        | PageConnection::Open { id }) = &self.connection
        else {
            return None;
        };
        let mut event = Box::<ApiGatewayWebsocketProxyRequest>::default();
        event.request_context.connection_id = Some(id.clone());
        event.request_context.authorizer.fields = self.context.clone().into_iter().collect();
        if step == PageStep::Sync {
            event.body = Some(self.sync_message());
        }
        Some(After::new(5, PageConsequence::Call { page, step, event }))
    }
}

/// A push message that a page received.
pub(crate) struct DeliveredFrame {
    pub(crate) page: usize,
    /// The tenants of jobs that are not the page's.
    pub(crate) foreign_tenants: Vec<String>,
    /// It was a snapshot with all jobs.
    pub(crate) is_complete_snapshot: bool,
}

/// The result of posting a push message to a connection.
pub(crate) enum PostedFrame {
    /// There is no such open connection.
    Gone,
    Lost,
    Received(DeliveredFrame),
}

/// All pages, tickets and connections.
#[derive(Debug, Default)]
pub(crate) struct OpenPages {
    pub(crate) pages: Vec<SimulatedPage>,
    tickets: BTreeMap<String, Ticket>,
    /// The rows of the table of connections.
    connections: Vec<Connection>,
}

impl OpenPages {
    pub(crate) fn step(
        &mut self,
        env: &mut SimulationEnvironment,
        index: usize,
        step: PageStep,
    ) -> PageConsequences {
        let page = &mut self.pages[index];
        match (step, page.connection.clone()) {
            (PageStep::Visit, PageConnection::None) => vec![self.visit(env, index)],
            (PageStep::Opened, PageConnection::Opening { id }) => {
                env.log(|| format!("page {index}     is connected as {id}"));
                page.connection = PageConnection::Open { id };
                // A new page is empty and asks for a snapshot at once.
                vec![After::new(5, PageConsequence::Step(index, PageStep::Sync))]
            }
            (PageStep::Sync, PageConnection::Open { .. }) if page.leaves_at <= env.now => {
                self.leave(env, index)
            }
            (PageStep::Sync, PageConnection::Open { .. }) => {
                let next = After::new(MINUTE, PageConsequence::Step(index, PageStep::Sync));
                page.syncs += 1;
                let call = page.call(index, PageStep::Sync);
                call.into_iter().chain([next]).collect()
            }
            _ => vec![],
        }
    }

    /// All pages connect once more and stay.
    pub(crate) fn last_visit(&mut self) -> PageConsequences {
        let mut consequences = Vec::new();
        for (index, page) in self.pages.iter_mut().enumerate() {
            page.leaves_at = u64::MAX;
            page.visits_left = 0;
            let visit = PageConsequence::Step(index, PageStep::Visit);
            consequences.push(After::new(1, visit));
        }
        consequences
    }

    fn visit(&mut self, env: &mut SimulationEnvironment, index: usize) -> After<PageConsequence> {
        let id = format!("c{}", env.fresh_id());
        let ticket = format!("t{}", env.fresh_id());
        let now = env.wall().0;
        let page = &mut self.pages[index];
        page.connection = PageConnection::Asking { id };
        page.names_known = env.rng.up_to(1) == 0;
        // Reloaded, or the same page after its connection was lost.
        if page.known.len() > MAX_KEPT_JOBS || env.rng.up_to(1) == 0 {
            page.forget_everything();
        }
        let issued = Ticket {
            uploader: None,
            hides_contents: false,
            subscription: page.subscription.clone(),
            actor: "reviewer".to_owned(),
            expires_at: Timestamp(now + MINUTE),
            token_expires_at: Timestamp(now + 2 * HOUR),
        };
        self.tickets.insert(ticket.clone(), issued);
        let stays = env.between(30 * SECOND, 20 * MINUTE);
        if page.leaves_at != u64::MAX {
            page.leaves_at = env.now + stays;
        }
        let page = index;
        After::new(10, PageConsequence::Authorize { page, ticket })
    }

    fn leave(&mut self, env: &mut SimulationEnvironment, index: usize) -> PageConsequences {
        env.log(|| format!("page {index}     goes away"));
        let page = &mut self.pages[index];
        let mut consequences = Vec::new();
        if !env.strikes(FaultKind::PageVanished) {
            consequences.extend(page.call(index, PageStep::Leave));
        }
        page.connection = PageConnection::None;
        if page.visits_left > 0 {
            page.visits_left -= 1;
            let pause = env.between(SECOND, 4 * HOUR);
            let visit = PageConsequence::Step(index, PageStep::Visit);
            consequences.push(After::new(pause, visit));
        }
        consequences
    }

    pub(crate) fn authorized(&mut self, index: usize, answer: &Value) -> PageConsequences {
        let allowed = answer["policyDocument"]["Statement"][0]["Effect"] == "Allow";
        let Some(context) = answer["context"].as_object().filter(|_| allowed) else {
            return self.step_failed(index, PageStep::Visit);
        };
        let page = &mut self.pages[index];
        page.context = context.clone().into_iter().collect();
        page.call(index, PageStep::Opened).into_iter().collect()
    }

    /// The function of a route succeeded.
    pub(crate) fn step_done(
        &mut self,
        env: &mut SimulationEnvironment,
        index: usize,
        step: PageStep,
    ) -> PageConsequences {
        let page = &mut self.pages[index];
        if step == PageStep::Opened
            && let PageConnection::Asking { id } = page.connection.clone()
        {
            page.connection = PageConnection::Opening { id };
            let delay = if env.strikes(FaultKind::PageOpensSlowly) {
                env.between(SECOND, 5 * SECOND)
            } else {
                5
            };
            let opened = PageConsequence::Step(index, PageStep::Opened);
            return vec![After::new(delay, opened)];
        }
        vec![]
    }

    /// The function of a route failed.
    pub(crate) fn step_failed(&mut self, index: usize, step: PageStep) -> PageConsequences {
        match step {
            PageStep::Visit | PageStep::Opened => {
                self.pages[index].connection = PageConnection::None;
                let visit = PageConsequence::Step(index, PageStep::Visit);
                vec![After::new(5 * SECOND, visit)]
            }
            // The page syncs again within a minute; the next push deletes a row of a connection that is gone.
            PageStep::Sync | PageStep::Leave => vec![],
        }
    }

    /// A push message is posted to a connection.
    pub(crate) fn post(
        &mut self,
        env: &mut SimulationEnvironment,
        connection: &str,
        frame: &[u8],
    ) -> PostedFrame {
        let open = |page: &SimulatedPage| matches!(&page.connection, PageConnection::Open { id } if id == connection);
        let Some(index) = self.pages.iter().position(open) else {
            return PostedFrame::Gone;
        };
        if env.strikes(FaultKind::PushLost) {
            return PostedFrame::Lost;
        }
        let (jobs, snapshot, mark) = pushed_frame::parse(frame);
        let page = &mut self.pages[index];
        let mut foreign_tenants = Vec::new();
        for job in jobs {
            if job.tenant != page.subscription {
                foreign_tenants.push(job.tenant.to_owned());
            }
            let newest = SeenVersion {
                version: job.version,
                status_group: job.status_group(),
            };
            match page.known.get_mut(job.id) {
                Some(known) if known.version < newest.version => *known = newest,
                Some(_) => {}
                None => {
                    page.known.insert(job.id.to_owned(), newest);
                }
            }
        }
        let is_full = page.mark.is_none() || !page.names_known;
        if let Some(complete) = snapshot {
            page.complete = complete && (is_full || page.complete);
            if let Some(mark) = mark {
                page.mark = Some(mark.to_owned());
            }
        }
        PostedFrame::Received(DeliveredFrame {
            page: index,
            foreign_tenants,
            is_complete_snapshot: snapshot == Some(true) && is_full,
        })
    }

    /// Whether a page has this connection, or is about to have it.
    pub(crate) fn uses(&self, connection: &str) -> bool {
        self.pages.iter().any(|page| match &page.connection {
            PageConnection::Opening { id } | PageConnection::Open { id } => id == connection,
            PageConnection::None | PageConnection::Asking { .. } => false,
        })
    }

    pub(crate) fn register(&mut self, connection: &Connection) {
        self.forget(&connection.subscription, &connection.connection_id);
        self.connections.push(connection.clone());
    }

    pub(crate) fn forget(&mut self, subscription: &str, connection_id: &str) {
        self.connections.retain(|known| {
            known.subscription != subscription || known.connection_id != connection_id
        });
    }

    pub(crate) fn connected(
        &self,
        env: &SimulationEnvironment,
        subscription: &str,
    ) -> Vec<Connection> {
        let all = env.has(Mistake::PushToEveryTenant);
        let mut found: Vec<Connection> = self
            .connections
            .iter()
            .filter(|known| all || known.subscription == subscription)
            .cloned()
            .collect();
        if env.has(Mistake::GoneDeletesNewConnections) {
            found
                .iter_mut()
                .for_each(|known| known.registered_at = Timestamp(0));
        }
        found
    }

    pub(crate) fn issue_ticket(&mut self, secret: &str, ticket: &Ticket) {
        self.tickets.insert(secret.to_owned(), ticket.clone());
    }

    pub(crate) fn redeem_ticket(
        &mut self,
        env: &SimulationEnvironment,
        secret: &str,
    ) -> Option<Ticket> {
        let now = env.wall();
        self.tickets
            .remove(secret)
            .filter(|ticket| ticket.expires_at > now)
    }
}
