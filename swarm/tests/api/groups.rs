//! Groups: typed, untyped, keyed, and the one of a worker type.

use swarm::prelude::*;

use crate::account::{Account, AccountClient, account};
use crate::{run, start};

#[derive(swarm::Group)]
#[group(worker = Account)]
struct Audited;

#[derive(swarm::Group)]
struct Anyone;

#[swarm::message(reply = u64)]
struct HowMany;

struct Crowd;

#[swarm::worker]
impl Crowd {
    #[init]
    fn init() -> Self {
        Self
    }

    #[call(HowMany)]
    fn how_many(&self, _: HowMany) -> u64 {
        3
    }
}

#[test]
fn a_typed_group() {
    run(async {
        AccountClient::register("g/1", 1).await.expect("the name is free");
        AccountClient::register("g/2", 2).await.expect("the name is free");
        swarm::group::<Audited>().join("g/1").await.expect("it is registered");
        swarm::group::<Audited>().join("g/2").await.expect("it is registered");
        let members: Vec<(Name, Location)> = swarm::group::<Audited>().members().await.expect("all nodes answer");
        assert_eq!(members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["g/1", "g/2"]);

        let delivered: usize =
            swarm::group::<Audited>().publish(account::Freeze { reason: "x".into() }).await.expect("all nodes answer");
        assert_eq!(delivered, 2);
        let balances: Vec<(Name, Result<u64, CallError>)> =
            swarm::group::<Audited>().multicall(account::Balance {}).await.expect("all nodes answer");
        assert_eq!(balances, [("g/1".into(), Ok(1)), ("g/2".into(), Ok(2))]);

        swarm::group::<Audited>().leave("g/1").await.expect("it is registered");
        assert_eq!(swarm::group::<Audited>().members().await.expect("all nodes answer").len(), 1);
        swarm::unregister("g/2").await.expect("the registry answers");
        assert_eq!(swarm::group::<Audited>().members().await, Ok(Vec::new()), "it ends with the registration");
    });
}

#[test]
fn the_group_of_a_worker_type_needs_no_joining() {
    run(async {
        let swarm = start("group-of-type").await;
        for i in 0..3_u64 {
            AccountClient::register(i, i).on(&swarm).await.expect("the name is free");
        }
        let all = swarm.group::<Account>();
        assert_eq!(all.members().await.expect("all nodes answer").len(), 3);
        assert_eq!(all.publish(account::Freeze { reason: "x".into() }).await, Ok(3));
        assert_eq!(swarm::group::<Account>().on(&swarm).multicall(account::Balance).await.expect("answers").len(), 3);
    });
}

#[test]
fn a_group_per_key() {
    run(async {
        let swarm = start("group-keys").await;
        AccountClient::register("eu/1", 1).on(&swarm).await.expect("the name is free");
        AccountClient::register("us/1", 2).on(&swarm).await.expect("the name is free");
        let group = swarm.group::<Audited>();
        group.clone().key("eu").join("eu/1").await.expect("it is registered");
        group.clone().key("us").join("us/1").await.expect("it is registered");
        let eu = swarm::group::<Audited>().key("eu").on(&swarm).multicall(account::Balance {}).await;
        assert_eq!(eu, Ok(vec![("eu/1".into(), Ok(1))]));
        assert_eq!(group.members().await, Ok(Vec::new()), "the group without a key is another");
    });
}

#[test]
fn anyone_may_join_an_untyped_group() {
    run(async {
        let swarm = start("group-anyone").await;
        AccountClient::register("a", 1).on(&swarm).await.expect("the name is free");
        CrowdClient::register("c", ()).on(&swarm).await.expect("the name is free");
        let group = swarm.group::<Anyone>();
        group.join("a").await.expect("it is registered");
        group.join("c").await.expect("it is registered");
        // The reply type is the message's: declared by it ..
        let counts = group.multicall(HowMany).await.expect("all nodes answer");
        assert_eq!(counts.len(), 2);
        assert_eq!(counts[1], ("c".into(), Ok(3)));
        assert!(matches!(&counts[0].1, Err(CallError::Unhandled { worker, .. }) if worker == "Account"), "{counts:?}");
        // .. or that of its method.
        let balances = group.multicall(account::Balance {}).await.expect("all nodes answer");
        assert_eq!(balances[0].1, Ok(1));
        assert!(matches!(balances[1].1, Err(CallError::Unhandled { .. })), "{balances:?}");
        let known = group.publish(account::Freeze { reason: "x".into() }).await;
        assert_eq!(known, Ok(1), "a crowd has no method for it");
    });
}

#[test]
fn a_typed_group_refuses_other_workers() {
    run(async {
        let swarm = start("group-typed").await;
        CrowdClient::register("c", ()).on(&swarm).await.expect("the name is free");
        let refused = swarm.group::<Audited>().join("c").await;
        assert!(
            matches!(&refused, Err(RegistryError::WrongWorker { expected, found, .. }) if *expected == "Account" && found == "Crowd"),
            "{refused:?}"
        );
        let absent = swarm.group::<Audited>().join("nobody").await;
        assert!(matches!(absent, Err(RegistryError::NotRegistered { .. })), "{absent:?}");
    });
}
