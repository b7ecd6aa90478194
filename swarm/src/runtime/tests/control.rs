//! Owns the test of what a turn of the control thread takes in together.

use std::collections::BTreeSet;

use swarm_net::member::{Member, MemberEvent};
use swarm_net::time::Clock;

use super::site::{Site, id};
use crate::config::Config;
use crate::directory::{Directory, DirectoryConfig};
use crate::runtime::control::Control;
use crate::runtime::input::Input;
use crate::runtime::routing::Routing;
use crate::timer::Timers;

const NODES: usize = 20;

/// Else each of them would turn the ring, and a node that joins a thousand would turn it a thousand times.
#[test]
fn members_that_are_reported_together_are_met_in_one_turn() {
    let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    let config = Config::default();
    let site = Site::new(0, NODES, &config, &Timers::manual(), tokio.handle().clone());
    let (sender, inputs) = crossbeam_channel::unbounded();
    let directory = Directory::new(id(0), BTreeSet::new(), DirectoryConfig::from(&config));
    let routing = Routing::alone(id(0), config.partitions());
    let mut control = Control::new(site.node.clone(), inputs.clone(), directory, routing);
    let profile = site.node.member().profile;
    for other in 1..NODES {
        let member = Member { id: id(other), profile: profile.clone() };
        sender.send(Input::Member(MemberEvent::Up(member))).expect("the receiver is here");
    }
    control.turn(Clock::now());
    assert!(inputs.is_empty(), "{} wait for the next turn", inputs.len());
    assert_eq!(site.node.routing().view().len(), NODES);
}
