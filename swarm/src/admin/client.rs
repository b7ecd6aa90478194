//! Owns an operator's connection to a node. Never asks anything that the node has not said it understands.

use std::future::Future;
use std::time::Duration;

use tarpc::client::RpcError;
use tarpc::context::Context;

use super::answer::{
    Busiest, Code, EventPage, NodeRow, Nodes, Page, Ran, Refusal, Replied, Ring, Status, Unregistered, Welcome,
    Whereabouts, Worker,
};
use super::ask::{
    All, Filter, Most, Named, NewKey, OfKey, OfKind, OfNode, Post, Restart, Sent, Since, SinceEach, Verbosity,
};
use super::checkup::CheckUp;
use super::deed::{KeyChange, Keyrings, Rebalanced, Restarted};
use super::events::ClusterEvents;
use super::service::AdminClient;
use super::{Dialler, Endpoint};
use crate::message::JSON_BYTES_MAX;
use crate::registration::KindInfo;
use crate::rpc::until;

/// A connection to the service for operators of one node, which answers for the whole cluster.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use swarm::admin::{Client, Endpoint};
///
/// let client = Client::connect(&Endpoint::Unix("/run/user/1000/swarm/bank-45892.sock".into())).await?;
/// for node in client.nodes().await?.nodes {
///     println!("{} hosts {} workers", node.node, node.workers);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    service: AdminClient,
    welcome: Welcome,
    timeout: Duration,
}

/// Why an operator has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody could be reached there.
    #[error("no node can be reached at {endpoint}: {problem}")]
    Unreachable {
        /// Where.
        endpoint: String,
        /// Why.
        problem: String,
    },
    /// Who answers is no node, or one of a version that this program does not understand.
    #[error("{endpoint} cannot be understood: {problem}")]
    Foreign {
        /// Where.
        endpoint: String,
        /// Why.
        problem: String,
    },
    /// The node does not do it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There was no answer in time.
    #[error("the node did not answer within {0:?}: try again with more time, or ask another node")]
    Late(Duration),
    /// The secret is too short, there are too many, or it cannot be read.
    #[error(transparent)]
    Secret(#[from] swarm_net::secret::SecretError),
    /// The connection is lost. What was asked may have been done.
    #[error("the connection to the node was lost: {0}")]
    Lost(String),
}

impl ClientError {
    /// Whether the handler of the message ran that a call or cast was to send. Never wrong: after [`Ran::No`] it may be sent again without fear.
    pub fn executed(&self) -> Ran {
        match self {
            Self::Unreachable { .. } | Self::Foreign { .. } | Self::Secret(_) => Ran::No,
            Self::Refused(refusal) => refusal.executed.unwrap_or_default(),
            Self::Late(_) | Self::Lost(_) => Ran::Maybe,
        }
    }
}

impl Client {
    /// Connects to a node, and makes sure that both understand each other, within 10 s.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Foreign`] or [`ClientError::Late`].
    pub async fn connect(endpoint: &Endpoint) -> Result<Self, ClientError> {
        Self::dialler().connect(endpoint).await
    }

    /// The same within this time, which from then on is that of each answer.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_within(endpoint: &Endpoint, limit: Duration) -> Result<Self, ClientError> {
        Self::dialler().timeout(limit).connect(endpoint).await
    }

    /// Describes a connection: by TCP, and to a cluster that has a secret.
    pub fn dialler() -> Dialler {
        Dialler::default()
    }

    pub(super) fn of(service: AdminClient, welcome: Welcome, timeout: Duration) -> Self {
        Self { service, welcome, timeout }
    }

    /// Answers may take so long (default 10 s).
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// What the node has said of itself.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// How the node is, and the cluster.
    ///
    /// # Errors
    /// As all questions: [`ClientError::Refused`], [`ClientError::Late`] or [`ClientError::Lost`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.answer(self.service.status(self.context(), All::default())).await
    }

    /// The nodes of the cluster.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn nodes(&self) -> Result<Nodes, ClientError> {
        self.answer(self.service.nodes(self.context(), All::default())).await
    }

    /// Who owns how much of the ring.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn ring(&self) -> Result<Ring, ClientError> {
        self.answer(self.service.ring(self.context(), All::default())).await
    }

    /// Where a name is, and why.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::NotFound`](super::Code::NotFound) if nobody has it.
    pub async fn locate(&self, name: &str) -> Result<Whereabouts, ClientError> {
        self.answer(self.service.locate(self.context(), Named::new(name))).await
    }

    /// A page of the list of workers.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn list(&self, filter: &Filter) -> Result<Page, ClientError> {
        self.answer(self.service.list(self.context(), filter.clone())).await
    }

    /// What is known of a worker.
    ///
    /// # Errors
    /// As [`Client::locate`].
    pub async fn describe(&self, name: &str) -> Result<Worker, ClientError> {
        self.answer(self.service.describe(self.context(), Named::new(name))).await
    }

    /// Begins to move a node's workers to others. The node stays a member, and keeps those that want to stay. It lasts until
    /// [`Client::undrain`], or until the node is started anew.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::Refused`](super::Code::Refused) if there is no other node that takes workers.
    pub async fn drain(&self, node: &str) -> Result<NodeRow, ClientError> {
        self.answer(self.service.drain(self.context(), OfNode::new(node))).await
    }

    /// Lets a node take workers again.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn undrain(&self, node: &str) -> Result<NodeRow, ClientError> {
        self.answer(self.service.undrain(self.context(), OfNode::new(node))).await
    }

    /// Ends a worker, wherever it is, and frees its name.
    ///
    /// # Errors
    /// As [`Client::locate`].
    pub async fn unregister(&self, name: &str) -> Result<Unregistered, ClientError> {
        self.answer(self.service.unregister(self.context(), Named::new(name))).await
    }

    /// What has happened, as the node that answers saw it. [`Client::events`] has it of all nodes.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn events_since(&self, since: &Since) -> Result<EventPage, ClientError> {
        // It may wait for as long as it is asked to, and then has the usual time.
        let limit = self.timeout + Duration::from_millis(since.wait_ms.min(30_000));
        self.answer(self.service.events_since(until(limit), since.clone())).await
    }

    /// What has happened, as each of the nodes saw it. Who asks again with the `cursors` of the answer is told nothing twice, and nothing is left
    /// out unless the answer says so. Needs a node of version 4.
    ///
    /// ```no_run
    /// # async fn example(client: swarm::admin::Client) -> Result<(), swarm::admin::ClientError> {
    /// let mut since = swarm::admin::SinceEach::default();
    /// loop {
    ///     let told = client.events(&since).await?;
    ///     for event in told.events {
    ///         println!("{}: {:?}", event.by, event.row.happened);
    ///     }
    ///     since.cursors = told.cursors;
    ///     since.wait_ms = 20_000;
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn events(&self, since: &SinceEach) -> Result<ClusterEvents, ClientError> {
        self.understands(4, "other nodes' events")?;
        let limit = self.timeout + Duration::from_millis(since.wait_ms.min(30_000));
        self.answer(self.service.events(until(limit), since.clone())).await
    }

    /// Changes what the node logs.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::Unsupported`](super::Code::Unsupported) if its program has not given it a way to do so.
    pub async fn log(&self, directives: &str) -> Result<Verbosity, ClientError> {
        self.answer(self.service.log(self.context(), Verbosity::new(directives))).await
    }

    /// Calls a worker whose type is marked `#[swarm::worker(json)]`, and gives its reply. `message` is the message's wire name, or the name of
    /// the method that handles it. The node that is asked sends it on to where the worker is. Needs a node of version 2.
    ///
    /// # Errors
    /// As [`Client::locate`]; [`ClientError::executed`] says whether the handler ran. [`Code::Malformed`](super::Code::Malformed) if the JSON does
    /// not tell the message, and [`Code::Unsupported`](super::Code::Unsupported) if the type is not marked so.
    pub async fn call(&self, name: &str, message: &str, json: &str) -> Result<String, ClientError> {
        self.understands_json(json)?;
        let Replied { json } = self.answer(self.service.call(self.context(), Sent::new(name, message, json))).await?;
        Ok(json)
    }

    /// Casts to such a worker.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn cast(&self, name: &str, message: &str, json: &str) -> Result<(), ClientError> {
        self.understands_json(json)?;
        self.answer(self.service.cast(self.context(), Sent::new(name, message, json))).await.map(drop)
    }

    /// What is told of a worker type: its messages, and if it is marked `#[swarm::worker(json)]` their fields. Needs a node of version 2.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::NotFound`](super::Code::NotFound) if no node knows the type.
    pub async fn kind(&self, kind: &str) -> Result<KindInfo, ClientError> {
        self.understands_json("")?;
        self.answer(self.service.kind(self.context(), OfKind::new(kind))).await
    }

    /// Has a worker live on a node, or with `None` where the ring wants it, and says where it is and where it goes. It lasts until the
    /// partition of its name gets another owner (as nodes come and go, or are drained), until that node leaves, is drained or lost, or until
    /// [`Client::rebalance`]; then the worker goes where the ring wants it. Needs a node of version 3.
    ///
    /// # Errors
    /// As [`Client::locate`]; [`Code::Refused`](super::Code::Refused) if it cannot live there: it wants to stay, is an instance, or the node
    /// does not know its type, leaves or takes no workers.
    pub async fn post(&self, name: &str, node: Option<&str>) -> Result<Whereabouts, ClientError> {
        self.understands(3, "moves")?;
        self.answer(self.service.post(self.context(), Post::new(name, node))).await
    }

    /// Starts a worker again from its init arguments, in place and after the message in hand, as after a panic. What it has is lost. Needs a
    /// node of version 3.
    ///
    /// # Errors
    /// As [`Client::locate`]; [`Code::Refused`](super::Code::Refused) if it moves or starts just now, or is an instance.
    pub async fn restart(&self, name: &str, why: &str) -> Result<Restarted, ClientError> {
        self.understands(3, "restarts")?;
        self.answer(self.service.restart(self.context(), Restart::new(name, why))).await
    }

    /// Has every worker go where the ring wants it, and what was put off tried at once: [`Client::post`] is forgotten. Needs a node of
    /// version 3.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn rebalance(&self) -> Result<Rebalanced, ClientError> {
        self.understands(3, "rebalancing")?;
        self.answer(self.service.rebalance(self.context(), All::default())).await
    }

    /// The workers that have most to do, at most so many of them (64 is the most). Needs a node of version 3.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn busiest(&self, count: u32) -> Result<Busiest, ClientError> {
        self.understands(3, "busy workers")?;
        self.answer(self.service.busiest(self.context(), Most::new(count))).await
    }

    /// What all nodes find out about their ways to each other, about whom they refuse, and about names that have trouble. It takes about a
    /// second, and sends some packets. Needs a node of version 3.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn check_up(&self) -> Result<CheckUp, ClientError> {
        self.understands(3, "check-ups")?;
        self.answer(self.service.check_up(self.context(), All::default())).await
    }

    /// Which keys all nodes have, by their ids. Needs a node of version 3.
    ///
    /// # Errors
    /// As [`Client::status`].
    pub async fn keys(&self) -> Result<Keyrings, ClientError> {
        self.understands(3, "keys")?;
        self.answer(self.service.keys(self.context(), All::default())).await
    }

    /// From now on the node that is asked, and no other, also understands what is encrypted with this secret: see
    /// [`Keys`](crate::Keys), whose steps these are. Needs a node of version 3.
    ///
    /// # Errors
    /// As [`Client::status`]; [`Code::Malformed`](super::Code::Malformed) if it is too short,
    /// [`Code::Unsupported`](super::Code::Unsupported) if the node was started without a secret.
    pub async fn add_key(&self, secret: &str) -> Result<KeyChange, ClientError> {
        self.understands(3, "keys")?;
        self.answer(self.service.add_key(self.context(), NewKey::new(secret))).await
    }

    /// From now on the node that is asked encrypts with this key. Refused as long as a member does not have it.
    ///
    /// # Errors
    /// As [`Client::add_key`]; [`Code::NotFound`](super::Code::NotFound) if it has no such key.
    pub async fn use_key(&self, id: &str) -> Result<KeyChange, ClientError> {
        self.understands(3, "keys")?;
        self.answer(self.service.use_key(self.context(), OfKey::new(id))).await
    }

    /// From now on the node that is asked does not understand this key any more. Refused as long as a member may encrypt with it.
    ///
    /// # Errors
    /// As [`Client::use_key`].
    pub async fn remove_key(&self, id: &str) -> Result<KeyChange, ClientError> {
        self.understands(3, "keys")?;
        self.answer(self.service.remove_key(self.context(), OfKey::new(id))).await
    }

    /// Refuses what the node would not understand.
    fn understands(&self, version: u32, what: &str) -> Result<(), ClientError> {
        if self.welcome.version >= version {
            return Ok(());
        }
        let text = format!(
            "the node (swarm {}) is too old to know of {what}: ask one of the version of this program",
            self.welcome.swarm
        );
        Err(Refusal { code: Code::Unsupported, text, executed: Some(Ran::No) }.into())
    }

    /// Refuses what the node would not understand, or could not take.
    fn understands_json(&self, json: &str) -> Result<(), ClientError> {
        self.understands(2, "JSON")?;
        if json.len() <= JSON_BYTES_MAX {
            return Ok(());
        }
        let text =
            format!("the JSON has {} bytes, more than the {JSON_BYTES_MAX} that are read: send less", json.len());
        Err(Refusal { code: Code::Malformed, text, executed: Some(Ran::No) }.into())
    }

    fn context(&self) -> Context {
        until(self.timeout)
    }

    async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<Result<T, Refusal>, RpcError>>,
    ) -> Result<T, ClientError> {
        match asked.await {
            Ok(answer) => Ok(answer?),
            Err(RpcError::DeadlineExceeded) => Err(ClientError::Late(self.timeout)),
            Err(error @ (RpcError::Shutdown | RpcError::Send(_) | RpcError::Channel(_) | RpcError::Server(_))) => {
                Err(ClientError::Lost(error.to_string()))
            }
        }
    }
}
