//! The worker of the contract, word for word: every kind of handler, and all hooks.

use swarm::prelude::*;

/// A message type that the user defines.
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
pub struct Deposit {
    pub cents: u64,
    pub memo: String,
}

/// Read in place.
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
pub struct Ingest {
    pub figures: Vec<u64>,
}

/// What moves.
#[swarm::message]
#[derive(Debug, Clone, PartialEq)]
pub struct AccountState {
    pub cents: u64,
}

/// An error in a reply, with thiserror beside it.
#[swarm::message]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Overdrawn {
    #[error("{missing} cents are missing")]
    By { missing: u64 },
    #[error("frozen: {0}")]
    Frozen(String),
}

/// An error that never travels as itself, only as its text.
#[derive(Debug, thiserror::Error)]
#[error("{opening} is more than anyone has")]
struct OpenError {
    opening: u64,
}

pub struct Account {
    pub cents: u64,
    pub frozen: Option<String>,
}

impl Account {
    pub fn new(cents: u64) -> Self {
        Self { cents, frozen: None }
    }
}

#[swarm::worker]
impl Account {
    #[init]
    async fn init(ctx: &Context<Self>, opening: u64) -> Result<Self, OpenError> {
        assert_ne!(ctx.name().as_str(), "panic", "this account cannot be opened");
        if opening > 1 << 40 { Err(OpenError { opening }) } else { Ok(Self::new(opening)) }
    }

    /// What is there.
    #[call]
    fn balance(&self) -> u64 {
        self.cents
    }

    #[call]
    async fn transfer(&mut self, to: String, cents: u64) -> Result<u64, Overdrawn> {
        if let Some(reason) = &self.frozen {
            return Err(Overdrawn::Frozen(reason.clone()));
        }
        let Some(left) = self.cents.checked_sub(cents) else {
            return Err(Overdrawn::By { missing: cents - self.cents });
        };
        // Another worker is called from inside a handler, through the worker's own node.
        let memo = format!("from {}", self.cents);
        if AccountClient::call(to, Deposit { cents, memo }).await.is_ok() {
            self.cents = left;
        }
        Ok(self.cents)
    }

    #[call(Deposit)]
    fn deposit(&mut self, msg: Deposit) -> u64 {
        self.cents += msg.cents;
        self.cents
    }

    #[cast]
    fn freeze(&mut self, ctx: &Context<Self>, reason: String) {
        self.frozen = Some(format!("{}: {reason}", ctx.name()));
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
        self.cents = state.cents
    }

    #[resolve_conflict]
    fn resolve_conflict(&mut self, other: AccountState) {
        self.cents = self.cents.max(other.cents);
    }

    #[die]
    async fn die(&mut self, reason: Die) {
        self.frozen = Some(reason.to_string());
    }

    fn helper(&self) {
        assert!(self.frozen.is_some());
    }
}
