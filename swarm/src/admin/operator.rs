//! Owns the conversation with one operator: which question is answered by what, and by when. Never looks into the node itself;
//! `cluster`, `names` and `messages` do.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tarpc::context::Context;

use super::answer::{
    Busiest, Code, EventPage, NodeRow, Nodes, Page, Refusal, Replied, Ring, Status, Taken, Unregistered, Welcome,
    Whereabouts, Worker,
};
use super::ask::{
    All, Filter, Hello, Most, Named, NewKey, OfKey, OfKind, OfNode, Post, Restart, Sent, Since, SinceEach, Verbosity,
};
use super::checkup::CheckUp;
use super::cluster::Sight;
use super::deed::{KeyChange, Keyrings, Rebalanced, Restarted};
use super::diary::Diary;
use super::events::ClusterEvents;
use super::{OLDEST, VERSION, service};
use crate::error::RegistryError;
use crate::registration::KindInfo;
use crate::runtime::Node;

/// How many names or events one answer has at most, so that it fits a frame whatever they are.
const ROWS_MAX: usize = 512;

/// How many busy workers one answer has at most.
const BUSY_MAX: usize = 64;

/// The longest time that is taken for an answer. Nothing needs as long; what may need longer is asked again.
const LIMIT: Duration = Duration::from_secs(30);

/// The longest time that is taken off for the way of a reply.
const WAY_MAX: Duration = Duration::from_secs(1);

/// What changes what is logged.
pub(super) type Logging = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// Who answers the operators of a node.
#[derive(Clone)]
pub(super) struct Operator {
    node: Arc<Node>,
    cluster: Arc<str>,
    diary: Arc<Diary>,
    logging: Option<Logging>,
}

impl Operator {
    pub(super) fn new(node: Arc<Node>, cluster: &str, logging: Option<Logging>) -> Self {
        let diary = Diary::of(&node);
        Self { node, cluster: cluster.into(), diary, logging }
    }

    fn sight(&self, context: &Context) -> Sight {
        Sight::new(self.node.clone(), limit(context))
    }
}

impl service::Admin for Operator {
    async fn hello(self, _: Context, ask: Hello) -> Welcome {
        tracing::debug!(node = %self.node.id(), client = ask.client, version = ask.version, "an operator is here");
        Welcome {
            version: VERSION,
            oldest: OLDEST,
            swarm: env!("CARGO_PKG_VERSION").to_owned(),
            node: self.node.id().to_string(),
            cluster: self.cluster.to_string(),
        }
    }

    async fn status(self, context: Context, _: All) -> Result<Status, Refusal> {
        let status = self.sight(&context).status().await?;
        Ok(Status { cluster: self.cluster.to_string(), ..status })
    }

    async fn nodes(self, context: Context, _: All) -> Result<Nodes, Refusal> {
        self.sight(&context).nodes().await
    }

    async fn ring(self, context: Context, _: All) -> Result<Ring, Refusal> {
        self.sight(&context).ring().await
    }

    async fn locate(self, context: Context, ask: Named) -> Result<Whereabouts, Refusal> {
        self.sight(&context).locate(&ask.name).await
    }

    async fn list(self, context: Context, ask: Filter) -> Result<Page, Refusal> {
        let count = rows(ask.count);
        self.sight(&context).list(ask, count).await
    }

    async fn describe(self, context: Context, ask: Named) -> Result<Worker, Refusal> {
        self.sight(&context).describe(&ask.name).await
    }

    async fn drain(self, context: Context, ask: OfNode) -> Result<NodeRow, Refusal> {
        self.sight(&context).drain(&ask.node, true).await
    }

    async fn undrain(self, context: Context, ask: OfNode) -> Result<NodeRow, Refusal> {
        self.sight(&context).drain(&ask.node, false).await
    }

    async fn unregister(self, context: Context, ask: Named) -> Result<Unregistered, Refusal> {
        self.sight(&context).unregister(&ask.name).await
    }

    async fn events_since(self, context: Context, ask: Since) -> Result<EventPage, Refusal> {
        // A number beyond the last stands for the next.
        let cursor = ask.cursor.map(|cursor| cursor.min(self.diary.next()));
        let wait = Duration::from_millis(ask.wait_ms).min(limit(&context));
        // If nothing happens in time the page is empty.
        let _ = self.node.within(wait, self.diary.until(cursor.unwrap_or(0))).await;
        Ok(self.diary.page(cursor, rows(ask.count)))
    }

    async fn log(self, _: Context, ask: Verbosity) -> Result<Verbosity, Refusal> {
        let Some(logging) = &self.logging else {
            let text =
                "this program cannot change what it logs while it runs: give `Admin::logging` something that can";
            return Err(refusal(Code::Unsupported, text));
        };
        logging(&ask.directives).map_err(|text| refusal(Code::Refused, text))?;
        tracing::info!(node = %self.node.id(), directives = ask.directives, "an operator has changed what is logged");
        Ok(ask)
    }

    async fn call(self, context: Context, ask: Sent) -> Result<Replied, Refusal> {
        Sight::new(self.node.clone(), handler_limit(&context)).call(ask).await
    }

    async fn cast(self, context: Context, ask: Sent) -> Result<Taken, Refusal> {
        self.sight(&context).cast(ask).await
    }

    async fn kind(self, context: Context, ask: OfKind) -> Result<KindInfo, Refusal> {
        self.sight(&context).kind_info(&ask.kind).await
    }

    async fn post(self, context: Context, ask: Post) -> Result<Whereabouts, Refusal> {
        self.sight(&context).post(ask).await
    }

    async fn restart(self, context: Context, ask: Restart) -> Result<Restarted, Refusal> {
        self.sight(&context).restart(ask).await
    }

    async fn rebalance(self, context: Context, _: All) -> Result<Rebalanced, Refusal> {
        self.sight(&context).rebalance().await
    }

    async fn busiest(self, context: Context, ask: Most) -> Result<Busiest, Refusal> {
        let count = usize::try_from(ask.count).ok().filter(|count| (1..=BUSY_MAX).contains(count));
        self.sight(&context).busiest(count.unwrap_or(BUSY_MAX)).await
    }

    async fn check_up(self, context: Context, _: All) -> Result<CheckUp, Refusal> {
        self.sight(&context).check_up().await
    }

    async fn keys(self, context: Context, _: All) -> Result<Keyrings, Refusal> {
        self.sight(&context).keys().await
    }

    async fn add_key(self, context: Context, ask: NewKey) -> Result<KeyChange, Refusal> {
        self.sight(&context).add_key(ask)
    }

    async fn use_key(self, context: Context, ask: OfKey) -> Result<KeyChange, Refusal> {
        self.sight(&context).use_key(ask).await
    }

    async fn remove_key(self, context: Context, ask: OfKey) -> Result<KeyChange, Refusal> {
        self.sight(&context).remove_key(ask).await
    }

    async fn events(self, context: Context, ask: SinceEach) -> Result<ClusterEvents, Refusal> {
        self.sight(&context).events(&self.diary, ask).await
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operator").field("node", &self.node.id()).finish_non_exhaustive()
    }
}

pub(super) fn refusal(code: Code, text: impl Into<String>) -> Refusal {
    Refusal { code, text: text.into(), ..Refusal::default() }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Self {
        let code = match &error {
            RegistryError::Timeout { .. } => Code::Timeout,
            RegistryError::Stopping { .. } | RegistryError::NoSwarm => Code::Stopping,
            RegistryError::NotRegistered { .. } => Code::NotFound,
            RegistryError::NoQuorum { .. }
            | RegistryError::Overloaded { .. }
            | RegistryError::NoRoom { .. }
            | RegistryError::WrongWorker { .. } => Code::Refused,
            // Those about gateways no node says of itself.
            RegistryError::TooLarge { .. }
            | RegistryError::NotPublic { .. }
            | RegistryError::Unreachable { .. }
            | RegistryError::Lost { .. } => Code::Refused,
        };
        refusal(code, error.to_string())
    }
}

fn rows(count: u32) -> usize {
    match usize::try_from(count) {
        Ok(count @ 1..=ROWS_MAX) => count,
        Ok(_) | Err(_) => ROWS_MAX,
    }
}

/// How long may be taken for an answer that is to be there by the operator's deadline: a tenth is for its way.
fn limit(context: &Context) -> Duration {
    let left = context.deadline.saturating_duration_since(Instant::now()).min(LIMIT);
    left - left / 10
}

/// The same where a handler takes the time, which may be as long as its operator wants to wait.
fn handler_limit(context: &Context) -> Duration {
    let left = context.deadline.saturating_duration_since(Instant::now());
    left - (left / 10).min(WAY_MAX)
}
