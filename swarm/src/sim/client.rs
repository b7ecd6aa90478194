//! Owns what clients of a simulated world do: each asks for one thing through the public API, and writes down what it is
//! told.

use std::time::Duration;

use crate::error::RegisterError;
use crate::sim::journal::{self, OpId, Told, What};
use crate::sim::ledger::{Club, Ledger, LedgerClient, ledger};
use crate::swarm::Swarm;

/// How a call is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    Plain,
    /// It takes so many milliseconds.
    Slow(u64),
    Panics,
}

/// The time limit of everything that clients ask for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One thing to ask for.
pub(super) struct Errand {
    pub(super) swarm: Swarm,
    pub(super) id: OpId,
    pub(super) what: What,
    pub(super) name: String,
    pub(super) manner: Manner,
}

impl Errand {
    /// Asks for it and waits.
    pub(super) async fn run(self) {
        let id = self.id;
        let told = self.ask().await;
        journal::note(|| format!("{id} ends: {told:?}"));
        journal::with(|journal| journal.end(id, told));
    }

    async fn ask(self) -> Told {
        let Self { swarm, id, what, name, manner } = self;
        let all = swarm.group::<Ledger>();
        match what {
            What::Register => match LedgerClient::register(name, ()).on(&swarm).timeout(PATIENCE).await {
                Ok(()) => Told::Done,
                // An earlier try may have been taken though nobody heard of it.
                Err(RegisterError::AlreadyRegistered { .. }) => Told::Done,
                Err(error) => Told::failed(error),
            },
            What::RegisterLocal => {
                done(LedgerClient::register_local(name, Ledger::new()).on(&swarm).timeout(PATIENCE).await)
            }
            What::Unregister => done(swarm.unregister(name).timeout(PATIENCE).await),
            What::Call => {
                let result = match manner {
                    Manner::Plain => {
                        LedgerClient::call(name, ledger::Apply { op: id }).on(&swarm).timeout(PATIENCE).await
                    }
                    Manner::Slow(ms) => {
                        LedgerClient::call(name, ledger::Slowly { op: id, ms }).on(&swarm).timeout(PATIENCE).await
                    }
                    Manner::Panics => {
                        LedgerClient::call(name, ledger::Fall { op: id }).on(&swarm).timeout(PATIENCE).await
                    }
                };
                result.map_or_else(|error| Told::from(&error), |_| Told::Done)
            }
            What::Cast => done(swarm.at::<Ledger>(name).told(id)),
            What::Join => done(swarm.group::<Club>().join(name).timeout(PATIENCE).await),
            What::Leave => done(swarm.group::<Club>().leave(name).timeout(PATIENCE).await),
            What::Publish => {
                let reached = all.publish(ledger::Told { op: id }).timeout(PATIENCE).await;
                reached.map_or_else(Told::failed, Told::Reached)
            }
            What::Multicall => {
                let answers = all.multicall(ledger::Apply { op: id }).timeout(PATIENCE).await;
                let answered = |all: Vec<(_, Result<u64, _>)>| all.iter().filter(|(_, answer)| answer.is_ok()).count();
                answers.map_or_else(Told::failed, |all| Told::Reached(answered(all)))
            }
        }
    }
}

fn done<E: std::fmt::Display>(result: Result<(), E>) -> Told {
    result.map_or_else(Told::failed, |()| Told::Done)
}
