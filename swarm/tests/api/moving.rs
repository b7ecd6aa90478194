//! Workers go to a node that joins and away from one that leaves, with what their hooks say.

use std::collections::BTreeMap;

use swarm::Event;
use swarm::prelude::*;

use crate::account::{Account, AccountClient};
use crate::{PATIENCE, join_with, run};

/// The whole struct is the state that moves.
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
struct Whole {
    count: u64,
}

#[swarm::worker(state = Self)]
impl Whole {
    #[init]
    fn init() -> Self {
        Self { count: 0 }
    }

    #[call]
    fn add(&mut self, more: u64) -> u64 {
        self.count += more;
        self.count
    }
}

/// Starts afresh.
struct Fresh(u64);

#[swarm::worker]
impl Fresh {
    #[init]
    fn init() -> Self {
        Self(0)
    }

    #[call]
    fn add(&mut self, more: u64) -> u64 {
        self.0 += more;
        self.0
    }
}

/// Stays where it is, as long as there is its node.
struct Rooted(u64);

#[swarm::worker]
impl Rooted {
    #[init]
    fn init() -> Self {
        Self(0)
    }

    #[call]
    fn add(&mut self, more: u64) -> u64 {
        self.0 += more;
        self.0
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff {
        Handoff::Ignore
    }
}

const NAMES: u64 = 20;

#[test]
fn a_newcomer_gets_its_part_and_a_leaver_hands_all_over() {
    run(async {
        // With the patience of the default: a node that is held to be dead by mistake, since the machine is busy, loses state.
        let first = join_with(Config::default(), "moving", &[]).await;
        for i in 0..NAMES {
            AccountClient::register(format!("acct/{i}"), i).on(&first).await.expect("the name is free");
            WholeClient::register(format!("whole/{i}"), ()).on(&first).await.expect("the name is free");
            assert_eq!(first.at::<Whole>(format!("whole/{i}")).add(i).await, Ok(i));
            FreshClient::register(format!("fresh/{i}"), ()).on(&first).await.expect("the name is free");
            assert_eq!(first.at::<Fresh>(format!("fresh/{i}")).add(i + 1).await, Ok(i + 1));
            RootedClient::register(format!("rooted/{i}"), ()).on(&first).await.expect("the name is free");
            assert_eq!(first.at::<Rooted>(format!("rooted/{i}")).add(i).await, Ok(i));
        }
        let mut events = first.events();
        let second = join_with(Config::default(), "moving", &[&first]).await;
        let mut moved = BTreeMap::<String, u64>::new();
        while ["acct", "whole", "fresh"].iter().any(|kind| moved.get(*kind).is_none_or(|count| *count <= 3)) {
            let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("workers move to the newcomer");
            if let Event::Moved { name, to } = event.expect("the node runs") {
                assert_eq!(to, second.node());
                let (kind, _) = name.as_str().split_once('/').expect("all names have a kind");
                *moved.entry(kind.to_owned()).or_default() += 1;
            }
        }
        let all = second.registered().await.expect("all nodes answer");
        let mut rooted = all.iter().filter(|(name, _)| name.as_str().starts_with("rooted/"));
        assert!(rooted.all(|(_, at)| at.node == first.node()), "{all:?}");
        first.leave().await.expect("everything is handed over");
        for i in 0..NAMES {
            assert_eq!(second.at::<Account>(format!("acct/{i}")).balance().await, Ok(i));
            assert_eq!(second.at::<Whole>(format!("whole/{i}")).add(0).await, Ok(i));
            assert_eq!(second.at::<Fresh>(format!("fresh/{i}")).add(0).await, Ok(0));
        }
        assert!(matches!(first.leave().await, Err(LeaveError::Stopped)));
        let stopped = first.at::<Account>("acct/1").balance().await.expect_err("the node has stopped");
        assert!(matches!(stopped, CallError::Stopping { .. }), "{stopped:?}");
        assert_eq!(stopped.executed(), Executed::No);
    });
}
