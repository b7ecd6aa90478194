//! Owns how a node comes up and goes: its threads, in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use swarm_net::discovery::Discovery;
use swarm_net::error::NetError;
use swarm_net::filter::NodeFilter;
use swarm_net::member::Profile;
use swarm_net::transport::{Inbox, Setup, Transport};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::config::Config;
use crate::directory::{Directory, DirectoryConfig};
use crate::error::StartError;
use crate::runtime::control::Control;
use crate::runtime::inbox::Ear;
use crate::runtime::input::{Input, Left};
use crate::runtime::node::Parts;
use crate::runtime::routing::Routing;
use crate::runtime::{Kinds, Node};
use crate::timer::Timers;
use crate::worker::Die;

/// How long a leaving node may take beyond its hand-over: to say goodbye and close its sockets.
const GOODBYE_WAIT: Duration = Duration::from_secs(5);

/// How long a leaving node waits for the last calls that come by it, and until they are passed on.
const FAREWELL_WAIT: Duration = Duration::from_secs(2);

/// How long workers that stay are given to end, if handing over took all the time that there was. One that hangs then does
/// not keep its node: its leave has a limit.
const LAST_WORDS_WAIT: Duration = Duration::from_secs(1);

/// A node to start.
pub(crate) struct Plan {
    pub(crate) cluster: String,
    pub(crate) bind: SocketAddr,
    pub(crate) advertise: Option<SocketAddr>,
    pub(crate) discovery: Vec<Box<dyn Discovery>>,
    pub(crate) nodes: NodeFilter,
    pub(crate) config: Config,
    pub(crate) kinds: Kinds,
}

/// Starts a node and waits until it takes part.
pub(crate) async fn start(plan: Plan) -> Result<Arc<Node>, StartError> {
    let tokio = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let timers = Timers::start()?;
    let open = |setup, ear| Transport::start(setup, ear).map(|transport| (transport, ()));
    let (node, control, ()) = assemble(plan, tokio, timers, open)?;
    let spawned = std::thread::Builder::new().name("swarm-control".to_owned()).spawn(move || control.run());
    if let Err(error) = spawned {
        node.stop();
        return Err(error.into());
    }
    node.until_joined().await?;
    tracing::info!(node = %node.id(), "started");
    Ok(node)
}

/// A node, and what its control thread will run. `open` makes its transport, and what else comes of that.
pub(crate) fn assemble<T>(
    plan: Plan,
    tokio: Handle,
    timers: Timers,
    open: impl FnOnce(Setup, Arc<dyn Inbox>) -> Result<(Transport, T), NetError>,
) -> Result<(Arc<Node>, Control, T), NetError> {
    let (control, inputs) = crossbeam_channel::unbounded();
    let ear = Arc::new(Ear::new(control.clone()));
    let ids: Vec<_> = plan.kinds.ids().collect();
    let profile = Profile {
        version: 1,
        weight: plan.config.weight,
        leaving: false,
        abilities: ids.iter().map(|kind| kind.0).collect(),
        extra: Vec::new(),
    };
    let setup = Setup {
        bind: plan.bind,
        advertise: plan.advertise,
        cluster: plan.cluster,
        profile: profile.clone(),
        discovery: plan.discovery,
        nodes: plan.nodes,
        rules: plan.config.rules(),
        config: plan.config.net.clone(),
    };
    let (transport, opened) = open(setup, ear.clone())?;
    let directory = Directory::new(transport.node(), ids.into_iter().collect(), DirectoryConfig::from(&plan.config));
    let routing = Routing::alone(transport.node(), plan.config.partitions());
    let parts = Parts { config: plan.config, control, transport, tokio, timers, kinds: plan.kinds, profile };
    let node = Node::new(parts);
    ear.listen(node.clone());
    Ok((node.clone(), Control::new(node, inputs, directory, routing), opened))
}

/// Hands everything over, says goodbye, and stops the node. `None` if it had stopped before.
pub(crate) async fn leave(node: &Arc<Node>, limit: Option<Duration>) -> Option<Left> {
    if node.is_stopped() {
        return None;
    }
    tracing::info!(node = %node.id(), "leaving: handing workers over");
    node.announce_leaving().await;
    let (done, handed_over) = oneshot::channel();
    let limit = limit.unwrap_or_else(|| node.config().leave_timeout());
    let until = node.now() + limit;
    node.control(Input::Leave(limit, done));
    let left = handed_over.await.ok()?;
    if node.within(until.since(node.now()).max(FAREWELL_WAIT), node.answer_users()).await.is_none() {
        tracing::warn!(node = %node.id(), "left though calls of its own users were still under way");
    }
    if node.within(FAREWELL_WAIT, node.bid_farewell()).await.is_none() {
        tracing::warn!(node = %node.id(), "left with calls that were not passed on to the end");
    }
    // Who hears the goodbye takes it that nothing runs here any more.
    node.tenancy.end();
    let (gone, goodbye) = oneshot::channel();
    node.transport().leave(move || {
        // It fails if nobody waits any more.
        let _ = gone.send(());
    });
    // The channel is closed when the sockets are; either way it is over.
    let closed = node.within(GOODBYE_WAIT, goodbye).await;
    tracing::debug!(node = %node.id(), ?closed, "said goodbye");
    if node.within(until.since(node.now()).max(LAST_WORDS_WAIT), last_words(node)).await.is_none() {
        tracing::warn!(node = %node.id(), "left though a worker that stayed had not ended");
    }
    node.stop();
    Some(left)
}

/// Lets the workers that nobody could take over, as those of the last node, end in good order. Only after the goodbye:
/// their names live on where there are others, who start them again, and who must not hear of these ends.
async fn last_words(node: &Arc<Node>) {
    let dying: Vec<_> = node.places.cells().map(|cell| node.runtime().spawn(cell.die(Die::NodeLeaving))).collect();
    for dies in dying {
        // One whose last words panic is as dead as the others.
        let _died = dies.await;
    }
}
