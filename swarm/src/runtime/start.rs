//! Owns how a node comes up: its threads, in order.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use swarm_net::discovery::Discovery;
use swarm_net::error::NetError;
use swarm_net::filter::NodeFilter;
use swarm_net::member::Profile;
use swarm_net::secret::Keyring;
use swarm_net::time::Clock;
use swarm_net::tls::Credentials;
use swarm_net::transport::{Inbox, Setup, Transport};
use tokio::runtime::Handle;

use crate::config::Config;
use crate::directory::{Directory, DirectoryConfig};
use crate::error::StartError;
use crate::placement::Placement;
use crate::runtime::control::Control;
use crate::runtime::desk::Desk;
use crate::runtime::inbox::Ear;
use crate::runtime::input::Input;
use crate::runtime::node::Parts;
use crate::runtime::routing::Routing;
use crate::runtime::{Kinds, Node};
use crate::timer::Timers;
use crate::trace::Tracing;
use crate::worker::pace::Keeps;

/// A node to start.
pub(crate) struct Plan {
    pub(crate) cluster: String,
    pub(crate) bind: SocketAddr,
    pub(crate) advertise: Option<SocketAddr>,
    pub(crate) discovery: Vec<Box<dyn Discovery>>,
    pub(crate) nodes: NodeFilter,
    pub(crate) keys: Option<Keyring>,
    pub(crate) tls: Option<Credentials>,
    pub(crate) config: Config,
    pub(crate) kinds: Kinds,
    pub(crate) keeps: Keeps,
    pub(crate) tracing: Tracing,
}

/// Starts a node and waits until it takes part.
pub(crate) async fn start(plan: Plan) -> Result<Arc<Node>, StartError> {
    let tokio = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
    let timers = Timers::start()?;
    let open = |setup, ear| Transport::start(setup, ear).map(|transport| (transport, ()));
    let (node, mut control, ()) = assemble(plan, tokio, timers, open)?;
    let desk = node.desk.clone();
    control.begin(Clock::now());
    desk.seat(control);
    let end = End(node.clone());
    let run = move || {
        let _end = end;
        desk.run();
    };
    let spawned = std::thread::Builder::new().name("swarm-control".to_owned()).spawn(run);
    if let Err(error) = spawned {
        node.stop();
        // The end is for the control to take, and nobody else is there to do it.
        node.desk.do_now(Input::Look);
        return Err(error.into());
    }
    node.until_joined().await?;
    tracing::info!(node = %node.id(), "started");
    Ok(node)
}

/// The end of the control thread, however it comes: a node without a control would only seem to live.
struct End(Arc<Node>);

impl Drop for End {
    fn drop(&mut self) {
        if !self.0.is_stopped() {
            self.0.fail(NetError::Panicked { text: "the node's control has ended".to_owned() });
        }
    }
}

/// A node, and what its control thread will run. `open` makes its transport, and what else comes of that.
pub(crate) fn assemble<T>(
    plan: Plan,
    tokio: Handle,
    timers: Timers,
    open: impl FnOnce(Setup, Arc<dyn Inbox>) -> Result<(Transport, T), NetError>,
) -> Result<(Arc<Node>, Control, T), NetError> {
    let (control, inputs) = crossbeam_channel::unbounded();
    let desk = Arc::new(Desk::new(control));
    let ear = Arc::new(Ear::new(desk.clone()));
    let abilities: BTreeSet<_> = plan.kinds.abilities().collect();
    // Who has no lease can neither decide nor run anything, so with a quorum nothing is a node's before its first one.
    let weight = match plan.config.placement {
        Placement::Ring => plan.config.weight,
        Placement::Quorum { .. } => 0,
    };
    let profile = Profile {
        version: 1,
        weight,
        leaving: false,
        abilities: abilities.iter().map(|ability| ability.0).collect(),
        extra: Vec::new(),
    };
    let setup = Setup {
        bind: plan.bind,
        advertise: plan.advertise,
        cluster: plan.cluster,
        profile: profile.clone(),
        discovery: plan.discovery,
        nodes: plan.nodes,
        keys: plan.keys.clone(),
        tls: plan.tls.clone(),
        rules: plan.config.rules(),
        config: plan.config.net.clone(),
    };
    let (transport, opened) = open(setup, ear.clone())?;
    let directory = Directory::new(transport.node(), abilities, DirectoryConfig::from(&plan.config));
    let routing = Routing::alone(transport.node(), plan.config.partitions());
    #[cfg(feature = "tls")]
    let tls = plan.tls;
    let Plan { config, kinds, keys, keeps, tracing, .. } = plan;
    let parts = Parts {
        config,
        keys,
        #[cfg(feature = "tls")]
        tls,
        desk,
        transport,
        tokio,
        timers,
        kinds,
        profile,
        keeps,
        tracing,
    };
    let node = Node::new(parts);
    ear.listen(node.clone());
    Ok((node.clone(), Control::new(node, inputs, directory, routing), opened))
}
