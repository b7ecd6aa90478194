//! A worker type that a program without nodes has in common with the nodes that run it. It uses all that a worker may, so that all of it is
//! seen to compile for both.

use swarm::prelude::*;

/// What a till refuses.
#[swarm::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TooMuch {
    /// So much was in it.
    pub cents: u64,
}

/// A message of its own.
#[swarm::message]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What it says.
    pub text: String,
}

/// A till of a shop.
#[derive(Default)]
pub struct Till {
    cents: u64,
    receipts: u64,
}

/// The tills that are open.
#[derive(swarm::Group)]
#[group(worker = Till)]
pub struct Open;

#[swarm::worker(public)]
impl Till {
    #[init]
    async fn init(ctx: &Context<Self>, cents: u64) -> Result<Self, String> {
        ctx.send_every(Duration::from_secs(3600), till::Close { why: "night".to_owned() });
        Ok(Self { cents, receipts: 0 })
    }

    #[call]
    fn pay(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }

    #[call]
    fn take(&mut self, cents: u64) -> Result<u64, TooMuch> {
        self.cents = self.cents.checked_sub(cents).ok_or(TooMuch { cents: self.cents })?;
        Ok(self.cents)
    }

    #[call]
    async fn open(&mut self, ctx: &Context<Self>) -> bool {
        ctx.join::<Open>().await.is_ok() && ctx.swarm().whereis(ctx.name()).await.is_ok()
    }

    #[call]
    fn receipts(&self) -> u64 {
        self.receipts
    }

    #[cast(Receipt)]
    fn print(&mut self, receipt: &Archived<Receipt>) {
        self.receipts += u64::from(!receipt.text.is_empty());
    }

    #[cast]
    fn close(&mut self, ctx: &Context<Self>, why: String) {
        if why == "night" && ctx.swarm().nodes().is_empty() {
            ctx.stop();
        }
    }

    #[begin_handoff]
    fn begin_handoff(&mut self) -> Handoff<u64> {
        Handoff::Resume(self.cents)
    }

    #[end_handoff]
    fn end_handoff(&mut self, cents: u64) {
        self.cents = cents;
    }

    #[resolve_conflict]
    fn resolve_conflict(&mut self, other: u64) {
        self.cents = self.cents.max(other);
    }

    #[die]
    async fn die(&mut self, _reason: Die) {}
}
