//! Owns the one program that cannot name `::swarm`: there Swarm is called `renamed`.

use renamed::prelude::*;

/// Money comes in.
#[renamed::message(crate = renamed, reply = u64)]
pub struct Deposit {
    /// How much.
    pub cents: u64,
}

/// An account.
#[renamed::message(crate = ::renamed)]
pub struct Account {
    cents: u64,
}

#[renamed::worker(crate = renamed, state = Self)]
impl Account {
    #[init]
    fn init(_: &Context<Self>, cents: u64) -> Self {
        Self { cents }
    }

    /// Adds money.
    #[call(Deposit)]
    fn deposit(&mut self, deposit: Deposit) -> u64 {
        self.cents += deposit.cents;
        self.cents
    }

    /// Takes it all.
    #[renamed::prelude::call]
    async fn take(&mut self, to: String) -> Option<u64> {
        (!to.is_empty()).then(|| std::mem::take(&mut self.cents))
    }
}

/// Accounts under audit.
#[derive(renamed::Group)]
#[group(worker = Account, crate = renamed)]
pub struct Audited;

#[cfg(test)]
mod tests {
    use renamed::{Message, Worker};

    #[test]
    fn a_renamed_swarm_is_found() {
        assert_eq!(<super::Account as Worker>::METHODS.len(), 2);
        assert_eq!(super::account::Take::NAME, "Account/take");
        assert_eq!(<super::Audited as renamed::Group>::NAME, "Audited");
        drop(super::AccountClient::at("a").take("b"));
    }
}
