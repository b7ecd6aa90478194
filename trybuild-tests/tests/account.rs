//! The worker of the README, with everything that a worker may have.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, private_interfaces)]

use std::fmt;

use swarm::message::Schema;
use swarm::prelude::*;
use swarm::{Message, Worker};

/// Money comes in.
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
pub struct Deposit {
    /// How much.
    pub cents: u64,
    /// What for.
    pub memo: String,
}

/// Much at once.
#[swarm::message]
pub struct Ingest {
    /// Figures.
    pub figures: Vec<u64>,
}

/// There was not enough.
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
pub struct Overdrawn {
    /// By how much.
    pub by: u64,
}

/// What moves.
#[swarm::message]
pub struct AccountState {
    /// The balance.
    pub cents: u64,
}

/// It could not be opened.
#[derive(Debug)]
pub struct OpenError;

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed today")
    }
}

/// An account.
pub struct Account {
    cents: u64,
}

#[swarm::worker]
impl Account {
    #[init]
    async fn init(ctx: &Context<Self>, opening: u64) -> Result<Self, OpenError> {
        if ctx.name().as_str().is_empty() { Err(OpenError) } else { Ok(Self { cents: opening }) }
    }

    /// The balance.
    #[call]
    fn balance(&self) -> u64 {
        self.cents
    }

    /// Sends money away.
    #[call]
    async fn transfer(&mut self, to: String, cents: u64) -> Result<u64, Overdrawn> {
        let _ = to;
        match self.cents.checked_sub(cents) {
            Some(left) => {
                self.cents = left;
                Ok(left)
            }
            None => Err(Overdrawn { by: cents - self.cents }),
        }
    }

    #[call(Deposit, timeout = "200ms")]
    fn deposit(&mut self, msg: Deposit) -> u64 {
        self.cents += msg.cents;
        self.cents
    }

    #[cast]
    fn freeze(&mut self, ctx: &Context<Self>, reason: String) {
        assert!(!reason.is_empty(), "{}", ctx.name());
        self.helper();
    }

    #[cast(Ingest)]
    fn ingest(&mut self, msg: &Archived<Ingest>) {
        self.cents += msg.figures.iter().map(|figure| figure.to_native()).sum::<u64>();
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<AccountState> {
        Handoff::Resume(AccountState { cents: self.cents })
    }

    #[end_handoff]
    fn end_handoff(&mut self, state: AccountState) {
        self.cents = state.cents;
    }

    #[resolve_conflict]
    async fn resolve_conflict(&mut self, other: AccountState) {
        self.cents = self.cents.max(other.cents);
    }

    #[die]
    async fn die(&mut self, reason: Die) {
        let _ = reason;
    }

    fn helper(&self) {}
}

fn callers() -> impl Future + Send {
    async {
        let _: Result<(), RegisterError> = AccountClient::register("acct/42", 1_000).await;
        let _: Result<Location, RegisterError> = AccountClient::whereis_or_register("acct/42", 1_000).await;
        let _: Result<(), RegisterError> = AccountClient::register_local("acct/me", Account { cents: 0 }).await;
        let _: Result<u64, CallError> = AccountClient::call("acct/42", account::Balance {}).await;
        let _: Result<u64, CallError> = AccountClient::call("acct/42", account::Balance).await;
        let _ = AccountClient::call("acct/42", Deposit { cents: 5, memo: "x".into() }).await;
        let _: Result<(), CastError> = AccountClient::cast("acct/42", account::Freeze { reason: "audit".into() });
        let acct = AccountClient::at("acct/42");
        let _: Result<Result<u64, Overdrawn>, CallError> = acct.transfer("acct/43", 500).await;
        let _: Result<u64, CallError> = acct.deposit(Deposit { cents: 5, memo: "x".into() }).await;
        let _: Result<(), CastError> = acct.clone().freeze(String::from("audit"));
        let _: Result<Option<Location>, RegistryError> = AccountClient::whereis(42).await;
        let _: Result<(), RegistryError> = AccountClient::unregister(String::from("acct")).await;
    }
}

#[test]
fn it_is_as_it_says() {
    drop(callers());
    assert_eq!(Account::NAME, "Account");
    assert_eq!(Account::ARGS, u64::FINGERPRINT);
    assert_eq!(Account::STATE, Some(AccountState::FINGERPRINT));
    let names: Vec<_> = Account::METHODS.iter().map(|method| (method.name, method.cast)).collect();
    assert_eq!(
        names,
        [
            ("Account/balance", false),
            ("Account/transfer", false),
            ("Deposit", false),
            ("Account/freeze", true),
            ("Ingest", true),
        ]
    );
    let row = &Account::METHODS[1];
    assert_eq!(row.id, account::Transfer::ID);
    assert_eq!(row.request, account::Transfer::FINGERPRINT);
    assert_eq!(row.reply, <Result<u64, Overdrawn>>::FINGERPRINT);
    assert_eq!(<Account as swarm::Call<Deposit>>::TIMEOUT, Some(Duration::from_millis(200)));
    assert_eq!(<Account as swarm::Call<account::Balance>>::TIMEOUT, None);

    let deposit = Deposit { cents: 5, memo: "a memo that is not inline".into() };
    let bytes = swarm::message::encode(&deposit);
    assert_eq!(swarm::message::decode::<Deposit>(&bytes), Ok(deposit));
    assert!(swarm::registration::WORKERS.iter().any(|entry| entry.kind == Account::KIND));
}
