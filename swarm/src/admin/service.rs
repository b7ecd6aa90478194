//! Owns the service that operators speak to, as tarpc makes it of this trait. Never loses a method or its one argument: later
//! versions only add to them.

use crate::admin::answer::{
    Busiest, EventPage, NodeRow, Nodes, Page, Refusal, Replied, Ring, Status, Taken, Unregistered, Welcome,
    Whereabouts, Worker,
};
use crate::admin::ask::{
    All, Filter, Hello, Most, Named, NewKey, OfKey, OfKind, OfNode, Post, Restart, Sent, Since, SinceEach, Verbosity,
};
use crate::admin::checkup::CheckUp;
use crate::admin::deed::{KeyChange, Keyrings, Rebalanced, Restarted};
use crate::admin::events::ClusterEvents;
use crate::registration::KindInfo;

#[tarpc::service]
pub(crate) trait Admin {
    /// Who are you, and what do you understand?
    async fn hello(ask: Hello) -> Welcome;
    /// How are you, and how is the cluster?
    async fn status(ask: All) -> Result<Status, Refusal>;
    /// Which nodes are there, and how are they?
    async fn nodes(ask: All) -> Result<Nodes, Refusal>;
    /// Who owns how much of the ring?
    async fn ring(ask: All) -> Result<Ring, Refusal>;
    /// Where is this name, and why?
    async fn locate(ask: Named) -> Result<Whereabouts, Refusal>;
    /// Which workers are there?
    async fn list(ask: Filter) -> Result<Page, Refusal>;
    /// What is known of this worker?
    async fn describe(ask: Named) -> Result<Worker, Refusal>;
    /// Move this node's workers to others, without leaving.
    async fn drain(ask: OfNode) -> Result<NodeRow, Refusal>;
    /// Let it take workers again.
    async fn undrain(ask: OfNode) -> Result<NodeRow, Refusal>;
    /// End this worker and free its name.
    async fn unregister(ask: Named) -> Result<Unregistered, Refusal>;
    /// What has happened?
    async fn events_since(ask: Since) -> Result<EventPage, Refusal>;
    /// Log this from now on.
    async fn log(ask: Verbosity) -> Result<Verbosity, Refusal>;
    /// Call this worker, and tell its reply as JSON. Since version 2, as what follows.
    async fn call(ask: Sent) -> Result<Replied, Refusal>;
    /// Cast this to this worker.
    async fn cast(ask: Sent) -> Result<Taken, Refusal>;
    /// What is this worker type, and what are its messages?
    async fn kind(ask: OfKind) -> Result<KindInfo, Refusal>;
    /// Have this worker live there. Since version 3, as what follows.
    async fn post(ask: Post) -> Result<Whereabouts, Refusal>;
    /// Start this worker again.
    async fn restart(ask: Restart) -> Result<Restarted, Refusal>;
    /// Have every worker where the ring wants it.
    async fn rebalance(ask: All) -> Result<Rebalanced, Refusal>;
    /// Which workers have most to do?
    async fn busiest(ask: Most) -> Result<Busiest, Refusal>;
    /// What is wrong?
    async fn check_up(ask: All) -> Result<CheckUp, Refusal>;
    /// Which keys are there?
    async fn keys(ask: All) -> Result<Keyrings, Refusal>;
    /// Understand this secret as well.
    async fn add_key(ask: NewKey) -> Result<KeyChange, Refusal>;
    /// Encrypt with this key.
    async fn use_key(ask: OfKey) -> Result<KeyChange, Refusal>;
    /// Forget this key.
    async fn remove_key(ask: OfKey) -> Result<KeyChange, Refusal>;
    /// What has happened on all nodes? Since version 4.
    async fn events(ask: SinceEach) -> Result<ClusterEvents, Refusal>;
}
