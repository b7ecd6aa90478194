//! What a node says, over the wire, is what its program is told.

use std::time::Duration;

use swarm_net::node::{NodeId, Tag};

use super::failure::{Code, Failure, Ran};
use crate::epoch::{Epoch, Term};
use crate::error::{CallError, Executed, Location, RegisterError, RegistryError};
use crate::name::Name;
use crate::rpc::{Format, Packed};

fn node(port: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], port).into(), u64::from(port))
}

fn sent(failure: &Failure) -> Failure {
    Packed::read(&Packed::write(failure).expect("it is written")).expect("it is read")
}

#[test]
fn every_error_of_a_call_comes_as_what_it_is() {
    let (name, node) = (Name::from("acct/42"), node(7));
    let text = || "why".to_owned();
    let mut errors = vec![
        CallError::NotRegistered { name: name.clone(), node },
        CallError::WrongWorker { name: name.clone(), node, expected: "A".to_owned(), found: "B".to_owned() },
        CallError::Unhandled { name: name.clone(), node, worker: "A".to_owned(), message: u64::MAX },
        CallError::Overloaded { name: name.clone(), node, what: text() },
        CallError::Panicked { name: name.clone(), node, text: text() },
        CallError::Stopping { name: name.clone(), node },
        CallError::Ended { name: name.clone(), node, text: text() },
        CallError::SelfCall { name: name.clone(), node },
        CallError::NotOwner { name: name.clone(), node },
        CallError::NoCapableNode { name: name.clone(), node, text: text() },
        CallError::NotPublic { name: name.clone(), node, worker: "A".to_owned() },
    ];
    for executed in [Executed::No, Executed::Maybe, Executed::Yes] {
        let after = Duration::from_millis(1500);
        errors.extend([
            CallError::Timeout { name: name.clone(), node, after, executed },
            CallError::NodeDown { name: name.clone(), node, executed },
            CallError::SchemaMismatch { name: name.clone(), node, what: text(), executed },
            CallError::NoQuorum { name: name.clone(), node, executed },
            CallError::TooLarge { name: name.clone(), bytes: 9, limit: 8, executed },
        ]);
    }
    for error in errors {
        assert_eq!(sent(&Failure::call(error.clone(), node)).of_call(name.clone(), node), error);
    }
}

#[test]
fn every_error_of_a_registration_comes_as_what_it_is() {
    let (name, node) = (Name::from("acct/42"), node(7));
    let epoch = Epoch::new(Term { counter: 5, tag: Tag(6) }, 7);
    let errors = [
        RegisterError::AlreadyRegistered {
            name: name.clone(),
            location: Location { node, worker: "A".to_owned(), epoch },
        },
        RegisterError::Init { name: name.clone(), node, text: "why".to_owned() },
        RegisterError::NoCapableNode { name: name.clone(), node, worker: "A".to_owned() },
        RegisterError::NoQuorum { name: name.clone(), node },
        RegisterError::Timeout { name: name.clone(), node, after: Duration::from_secs(2) },
        RegisterError::Overloaded { name: name.clone(), node },
        RegisterError::NoRoom { name: name.clone(), node },
        RegisterError::NameTooLong { bytes: 2000, limit: 1024 },
        RegisterError::TooLarge { name: name.clone(), bytes: 9, limit: 8 },
        RegisterError::Stopping { node },
        RegisterError::NotPublic { name: name.clone(), node, worker: "A".to_owned() },
    ];
    for error in errors {
        assert_eq!(sent(&Failure::register(error.clone(), node)).of_register(name.clone(), node), error);
    }
}

#[test]
fn every_error_of_the_registry_comes_as_what_it_is() {
    let (name, node) = (Name::from("acct/42"), node(7));
    let after = Duration::from_secs(2);
    let errors = [
        RegistryError::NotRegistered { name: name.clone(), node },
        RegistryError::WrongWorker { name: name.clone(), node, group: "g", expected: "A", found: "B".to_owned() },
        RegistryError::NoQuorum { node },
        RegistryError::Timeout { name: Some(name.clone()), node, after },
        RegistryError::Timeout { name: None, node, after },
        RegistryError::TooLarge { node, bytes: 9, limit: 8 },
        RegistryError::Overloaded { name: name.clone(), node },
        RegistryError::NoRoom { name: name.clone(), node },
        RegistryError::Stopping { node },
        RegistryError::NotPublic { node, worker: "A".to_owned() },
    ];
    for error in errors {
        assert_eq!(sent(&Failure::registry(error.clone(), node)).of_registry(("g", "A"), node), error);
    }
}

/// A gateway that says of a call which may have run what is said only of those that did not is not believed.
#[test]
fn what_never_runs_is_not_said_of_what_may_have() {
    for code in [Code::NotRegistered, Code::Overloaded, Code::Stopping, Code::NotPublic, Code::Unknown] {
        for (ran, executed) in [(Ran::Maybe, Executed::Maybe), (Ran::Yes, Executed::Yes)] {
            let failure = Failure { code, ran, ..Failure::default() };
            assert_eq!(failure.of_call("a".into(), node(1)).executed(), executed, "{code:?}");
        }
    }
}
