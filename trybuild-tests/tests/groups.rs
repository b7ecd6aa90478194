//! Which messages a group takes, and what it answers.
use swarm::Group;
use swarm::group::{Answers, Hears};

#[swarm::message(reply = u64)]
pub struct Ask;

#[swarm::message]
pub struct Tell(pub String);

pub struct Account;

#[swarm::worker]
impl Account {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn balance(&self) -> i64 {
        0
    }

    #[call(Ask)]
    fn ask(&self, _: Ask) -> u64 {
        0
    }

    #[cast(Tell)]
    fn tell(&mut self, tell: Tell) {
        drop(tell.0);
    }
}

#[derive(swarm::Group)]
#[group(worker = Account, name = "bank.audited")]
struct Audited;

#[derive(swarm::Group)]
struct Anyone;

fn publish<G: Group<Members: Hears<M>>, M>(_: M) -> &'static str {
    G::NAME
}

fn multicall<G: Group<Members: Answers<M, R>>, M, R>(_: M) -> (&'static str, Option<R>) {
    (G::NAME, None)
}

#[test]
fn it_is_as_it_says() {
    assert_eq!((Audited::NAME, Anyone::NAME, <Account as Group>::NAME), ("bank.audited", "Anyone", "Account"));
    assert!(<Account as Group>::ALL.is_some() && Audited::ALL.is_none());
    publish::<Audited, _>(Tell("x".into()));
    publish::<Account, _>(Tell("x".into()));
    publish::<Anyone, _>(Tell("x".into()));
    let _: (_, Option<i64>) = multicall::<Audited, _, _>(account::Balance);
    let _: (_, Option<i64>) = multicall::<Account, _, _>(account::Balance);
    // In a group that anyone may join the reply is the message's.
    let _: (_, Option<i64>) = multicall::<Anyone, _, _>(account::Balance);
    let _: (_, Option<u64>) = multicall::<Anyone, _, _>(Ask);
    assert_eq!(multicall::<Audited, _, _>(Ask), ("bank.audited", None::<u64>));
    drop(AccountClient::at("a").balance());
}
