//! A process in which no node runs: everything says so, and nothing panics.

use swarm::prelude::*;

struct Idle;

#[swarm::worker]
impl Idle {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn ask(&self) -> u64 {
        0
    }

    #[cast]
    fn tell(&self) {}
}

#[test]
fn everything_says_that_there_is_no_node() {
    assert!(Swarm::current().is_none());
    assert_eq!(IdleClient::at("x").ask().wait(), Err(CallError::NoSwarm));
    assert_eq!(IdleClient::call("x", idle::Ask).wait(), Err(CallError::NoSwarm));
    assert_eq!(CallError::NoSwarm.executed(), Executed::No);
    assert_eq!(IdleClient::at("x").tell(), Err(CastError::NoSwarm));
    assert_eq!(IdleClient::register("x", ()).wait(), Err(RegisterError::NoSwarm));
    assert_eq!(IdleClient::register_local("x", Idle).wait(), Err(RegisterError::NoSwarm));
    assert_eq!(swarm::whereis("x").wait(), Err(RegistryError::NoSwarm));
    assert_eq!(swarm::unregister("x").wait(), Err(RegistryError::NoSwarm));
    assert_eq!(swarm::registered().wait(), Err(RegistryError::NoSwarm));
    assert_eq!(swarm::group::<Idle>().members().wait(), Err(RegistryError::NoSwarm));
    assert_eq!(swarm::group::<Idle>().publish(idle::Tell).wait(), Err(RegistryError::NoSwarm));
    assert_eq!(swarm::group::<Idle>().multicall(idle::Ask).wait(), Err(RegistryError::NoSwarm));
    assert!(CallError::NoSwarm.to_string().contains("Swarm::builder().start().await"));
}
