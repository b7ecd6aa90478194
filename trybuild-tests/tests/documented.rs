//! A crate that wants documentation of everything may have messages of every form. An enum with named fields is exported
//! from a private module, since rkyv derives public fields for it that have none.
#![deny(missing_docs)]

/// A struct.
#[swarm::message]
pub struct Entry {
    /// Which.
    pub number: u64,
}

/// An enum without named fields.
#[swarm::message]
pub enum Change {
    /// None.
    Nothing,
    /// One.
    Set(u64),
}

pub use orders::Order;

mod orders {
    /// An enum with named fields.
    #[swarm::message]
    pub enum Order {
        /// Named.
        Add {
            /// How many.
            count: u64,
        },
    }
}

#[test]
fn it_is_as_it_says() {
    let _ = (Entry { number: 1 }, Change::Nothing, Change::Set(1), Order::Add { count: 1 });
}
