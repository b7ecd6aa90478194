//! Owns the adaptor of actix: one `System`, which is one thread, as its documentation begins. Never goes between processes, since
//! actix does not.

use std::io;

use actix::{Actor, Addr, Context, Handler, Message};

use super::Peer;
use crate::figure::Seen;
use crate::load::{Caller, Caster, casters};
use crate::order::Load;
use crate::row::Case;

struct Account {
    sum: u64,
}

impl Actor for Account {
    type Context = Context<Self>;
}

struct Add(u64);

impl Message for Add {
    type Result = u64;
}

impl Handler<Add> for Account {
    type Result = u64;

    fn handle(&mut self, add: Add, _: &mut Self::Context) -> u64 {
        self.sum = self.sum.wrapping_add(add.0);
        self.sum
    }
}

fn start() -> Addr<Account> {
    Account { sum: 0 }.start()
}

/// The callers and their actors.
#[derive(Default)]
pub(crate) struct Actix {
    idle: Vec<Addr<Account>>,
}

impl Peer for Actix {
    async fn load(&mut self, load: Load) -> io::Result<Seen> {
        let one = start();
        let own = |_| Local(if load.case == Case::One { one.clone() } else { start() });
        let callers = (0..load.callers).map(own).collect();
        casters(callers, &load).await
    }

    async fn spawn(&mut self, count: u64) -> io::Result<()> {
        self.idle.extend((0..count).map(|_| start()));
        // As with the others, it counts when all have begun to wait.
        tokio::task::yield_now().await;
        Ok(())
    }
}

struct Local(Addr<Account>);

impl Caller for Local {
    async fn call(&mut self) -> bool {
        self.0.send(Add(1)).await.is_ok()
    }
}

impl Caster for Local {
    async fn cast(&mut self) -> bool {
        // `do_send` looks at no mailbox's bound; the call after 64 of them is what keeps them few.
        self.0.do_send(Add(1));
        true
    }
}
