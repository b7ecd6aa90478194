//! Errors: their names, what they say, and whether the handler ran.

use std::error::Error;

use swarm::prelude::*;
use tokio::sync::Semaphore;

use crate::account::{Account, AccountClient, account};
use crate::{run, start};

struct Fragile;

#[swarm::worker(mailbox = 1)]
impl Fragile {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call]
    fn explode(&mut self) -> u64 {
        panic!("boom")
    }

    /// Takes until the test opens the gate.
    #[call]
    async fn hold(&mut self, gate: u64) {
        pass(gate).await;
    }

    #[call]
    fn carry(&self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    #[call]
    fn grow(&self, bytes: u64) -> Vec<u8> {
        vec![0; usize::try_from(bytes).expect("a small number")]
    }

    #[call(timeout = "20ms")]
    async fn impatient(&mut self) {
        pass(IMPATIENT).await;
    }
}

/// What handlers wait for that are to take longer than their callers: each test has gates of its own.
static GATES: [Semaphore; 3] = [const { Semaphore::const_new(0) }; 3];
const FULL: u64 = 0;
const IMPATIENT: u64 = 1;
const LATE: u64 = 2;

/// Waits until the gate is opened for one more.
async fn pass(gate: u64) {
    GATES[gate as usize].acquire().await.expect("no gate is closed").forget();
}

/// Lets so many pass.
fn open(gate: u64, count: usize) {
    GATES[gate as usize].add_permits(count);
}

/// Its Debug text begins with the variant's name, and its text is a sentence about the name.
fn told(error: &(impl Error + Send + Sync + 'static), variant: &str, about: &str) {
    assert!(format!("{error:?}").starts_with(variant), "{error:?}");
    assert!(error.to_string().contains(about), "{error}");
}

#[test]
fn calls_fail_with_the_truth() {
    run(async {
        let swarm = start("errors").await;
        let nobody = swarm.at::<Fragile>("nobody").explode().await.expect_err("nobody has the name");
        told(&nobody, "NotRegistered", "nobody");
        assert_eq!(nobody.executed(), Executed::No);

        AccountClient::register("acct", 1).on(&swarm).await.expect("the name is free");
        let wrong = swarm.at::<Fragile>("acct").explode().await.expect_err("it is an account");
        told(&wrong, "WrongWorker", "Account");
        assert_eq!(wrong.executed(), Executed::No);

        FragileClient::register("fragile", ()).on(&swarm).await.expect("the name is free");
        let fragile = swarm.at::<Fragile>("fragile");
        let panicked = fragile.explode().await.expect_err("it panics");
        told(&panicked, "Panicked", "boom");
        assert_eq!(panicked.executed(), Executed::Yes);

        assert_eq!(fragile.carry(vec![1]).await, Ok(vec![1]), "it was started again");
        let late = fragile.hold(FULL).timeout(Duration::from_millis(20)).await.expect_err("it is held");
        told(&late, "Timeout", "fragile");
        assert_ne!(late.executed(), Executed::No, "it runs");
        // It is still held: one message may wait, the next is refused.
        let (first, second) = tokio::join!(fragile.carry(vec![2]), async {
            let second = fragile.carry(vec![3]).await;
            open(FULL, 1);
            second
        });
        assert_eq!(first, Ok(vec![2]));
        let refused = second.expect_err("one message may wait");
        told(&refused, "Overloaded", "fragile");
        assert_eq!(refused.executed(), Executed::No);

        let impatient = fragile.impatient().await.expect_err("the method has a timeout of its own");
        told(&impatient, "Timeout", "20ms");
        // The one that was given up runs, too.
        open(IMPATIENT, 2);
        let patient = fragile.impatient().timeout(Duration::from_secs(20)).await;
        assert_eq!(patient, Ok(()), "the caller's timeout wins");

        let limit = u64::from(Config::default().message_bytes_max);
        FragileClient::register("large", ()).on(&swarm).await.expect("the name is free");
        let here = swarm.at::<Fragile>("large").grow(limit + 1).await;
        assert!(here.is_ok(), "what stays on the node may have any size");
    });
}

#[test]
fn what_no_message_may_exceed_is_refused_on_the_wire() {
    run(async {
        let first = start("large").await;
        let second = crate::join("large", &[&first]).await;
        for node in [&first, &second] {
            let mut events = node.events();
            while node.nodes().len() < 2 {
                tokio::time::timeout(crate::PATIENCE, events.next()).await.expect("in time").expect("the node runs");
            }
        }
        let limit = u64::from(Config::default().message_bytes_max);
        // At home here it would not have to travel when it is called, and would still be called if it moved just then.
        FragileClient::register_local("large/there", Fragile).on(&second).await.expect("the name is free");
        let remote = first.at::<Fragile>("large/there");
        let bytes = vec![0; usize::try_from(limit).expect("a small number")];
        let large = remote.carry(bytes).await.map(|bytes| bytes.len()).expect_err("it is too large");
        told(&large, "TooLarge", "large/");
        assert_eq!(large.executed(), Executed::No);
        let grown = remote.grow(limit + 1).await.map(|bytes| bytes.len()).expect_err("the reply is too large");
        told(&grown, "TooLarge", "large/");
        assert_eq!(grown.executed(), Executed::Yes, "the handler ran");
    });
}

#[test]
fn errors_are_errors() {
    fn is_error<E: Error + Send + Sync + 'static>() {}
    is_error::<CallError>();
    is_error::<CastError>();
    is_error::<RegisterError>();
    is_error::<RegistryError>();
    is_error::<StartError>();
    is_error::<LeaveError>();
    is_error::<swarm::ConfigError>();
    assert_eq!(format!("{:?} {:?} {:?}", Executed::No, Executed::Maybe, Executed::Yes), "No Maybe Yes");
    // All of them go where `?` takes them.
    run(async {
        async fn all(swarm: &Swarm) -> Result<u64, Box<dyn Error + Send + Sync>> {
            AccountClient::register("all", 3).on(swarm).await?;
            swarm.at::<Account>("all").freeze("x")?;
            swarm.whereis("all").await?;
            Ok(AccountClient::call("all", account::Balance {}).on(swarm).await?)
        }
        let swarm = start("errors-all").await;
        assert_eq!(all(&swarm).await.expect("nothing fails"), 3);
    });
}

#[test]
fn names_are_bounded() {
    run(async {
        let long = "x".repeat(Name::BYTES_MAX + 1);
        let refused = AccountClient::register(&long, 1).await.expect_err("too long");
        told(&refused, "NameTooLong", "1025");
        let call = AccountClient::at(&long).balance().await.expect_err("nobody can have this name");
        assert_eq!(call.executed(), Executed::No);
        // As to any name that nobody has.
        assert_eq!(AccountClient::at(&long).freeze("x"), Ok(()));
        assert_eq!(swarm::whereis(&long).await, Ok(None));
        assert_eq!(swarm::unregister(&long).await, Ok(()));
        let joined = swarm::group::<Account>().key("k").join(&long).await;
        assert!(matches!(joined, Err(RegistryError::NotRegistered { .. })), "{joined:?}");
    });
}

#[test]
fn every_error_names_the_node() {
    run(async {
        let swarm = start("errors-node").await;
        let node = swarm.node().to_string();
        let failed = AccountClient::register("rich", 1 << 41).on(&swarm).await.expect_err("too rich");
        told(&failed, "Init", &node);
        let unknown = swarm.group::<Account>().key("k").join("nobody").await.expect_err("nobody has the name");
        told(&unknown, "NotRegistered", &node);
        FragileClient::register("fragile", ()).on(&swarm).await.expect("the name is free");
        let other = swarm.group::<Account>().key("k").join("fragile").await.expect_err("it is no account");
        told(&other, "WrongWorker", &node);
        let fragile = swarm.at::<Fragile>("fragile");
        let late = fragile.hold(LATE).timeout(Duration::from_millis(20)).await.expect_err("it is held");
        told(&late, "Timeout", &node);
        open(LATE, 1);
        let late = swarm.whereis("late").timeout(Duration::ZERO).await.expect_err("there is no time");
        told(&late, "Timeout", &node);
        told(&late, "Timeout", "`late`");
        let late = AccountClient::register("late", 1).timeout(Duration::ZERO).on(&swarm).await;
        told(&late.expect_err("there is no time"), "Timeout", &node);
    });
}
