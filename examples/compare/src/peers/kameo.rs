//! Owns the adaptor of kameo within one process: actors with the default mailbox, asked and told.

use std::io;

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::message::{Context, Message};

use super::Peer;
use crate::figure::Seen;
use crate::load::{Caller, Caster, casters};
use crate::order::Load;
use crate::row::Case;

#[derive(Actor)]
struct Account {
    sum: u64,
}

struct Add(u64);

impl Message<Add> for Account {
    type Reply = u64;

    async fn handle(&mut self, add: Add, _: &mut Context<Self, Self::Reply>) -> u64 {
        self.sum = self.sum.wrapping_add(add.0);
        self.sum
    }
}

async fn start() -> ActorRef<Account> {
    let account = Account::spawn(Account { sum: 0 });
    account.wait_for_startup().await;
    account
}

/// The callers and their actors.
#[derive(Default)]
pub(crate) struct Kameo {
    idle: Vec<ActorRef<Account>>,
}

impl Peer for Kameo {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let one = start().await;
        let mut callers = Vec::new();
        for _ in 0..load.callers {
            callers.push(Local(if load.case == Case::One { one.clone() } else { start().await }));
        }
        casters(callers, &load).await
    }

    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        for _ in 0..count {
            self.idle.push(start().await);
        }
        Ok(())
    }
}

struct Local(ActorRef<Account>);

impl Caller for Local {
    async fn call(&mut self) -> bool {
        self.0.ask(Add(1)).await.is_ok()
    }
}

impl Caster for Local {
    async fn cast(&mut self) -> bool {
        self.0.tell(Add(1)).await.is_ok()
    }
}
