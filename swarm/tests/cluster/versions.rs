//! Two versions of one program in a cluster, as during an upgrade: what both understand works, and the rest is refused
//! before it runs.

use swarm::prelude::*;
use swarm::{Event, Swarm};

use crate::fixture::{PATIENCE, all_know, next, patient};

mod old {
    use swarm::prelude::*;

    #[swarm::message(name = "doc.edit")]
    pub struct Edit {
        pub at: u64,
    }

    pub struct Doc;

    #[swarm::worker(name = "doc", register = manual)]
    impl Doc {
        #[init]
        fn init(_first: u64) -> Self {
            Self
        }

        #[call]
        fn runs(&self) -> u64 {
            0
        }

        #[call]
        fn size(&mut self) -> u64 {
            0
        }

        #[call(Edit)]
        fn edit(&mut self, _: Edit) {}

        #[cast]
        fn note(&mut self, text: String) {
            drop(text);
        }
    }

    pub(super) use doc::{Note, Size};

    /// As that node registers it.
    pub(super) async fn register(swarm: &swarm::Swarm, name: &str) -> Result<(), RegisterError> {
        DocClient::register(name, 1).on(swarm).await
    }

    /// As the node of this version asks a worker that may be of the other.
    pub(super) fn client(swarm: &swarm::Swarm, name: &Name) -> DocClient {
        swarm.at::<Doc>(name)
    }
}

mod new {
    #[swarm::message(name = "doc.edit")]
    pub struct Edit {
        pub at: i64,
    }

    pub struct Doc {
        pub runs: u64,
    }

    #[swarm::worker(name = "doc", register = manual)]
    impl Doc {
        #[init]
        fn init(_first: i64) -> Self {
            Self { runs: 0 }
        }

        #[call]
        fn runs(&self) -> u64 {
            self.runs
        }

        // Of the same size as before, so that only the fingerprint tells them apart.
        #[call]
        fn size(&mut self) -> i64 {
            self.runs += 1;
            -1
        }

        #[call(Edit)]
        fn edit(&mut self, _: Edit) {
            self.runs += 1;
        }

        #[cast]
        fn note(&mut self, lines: u64) {
            self.runs += 1 + lines;
        }
    }
}

/// What the other version would misread does not run, and its caller is told so.
#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, CallError>) {
    match answer {
        Err(error @ CallError::SchemaMismatch { .. }) => assert_eq!(error.executed(), Executed::No, "{error}"),
        Ok(_) | Err(_) => panic!("{answer:?}"),
    }
}

/// Two nodes of two versions.
async fn upgrade(cluster: &str) -> [Swarm; 2] {
    let builder = || Swarm::builder().cluster(cluster).bind("127.0.0.1:0").config(patient());
    let old = builder().discovery(Seeds::new(Vec::<String>::new())).worker::<old::Doc>().start().await;
    let old = old.expect("a node starts on a free loopback port");
    let new = builder().discovery(Seeds::new([old.local_addr().to_string()])).worker::<new::Doc>().start().await;
    let nodes = [old, new.expect("a node starts on a free loopback port")];
    all_know(&nodes).await;
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_different_versions_refuse_what_they_would_misread() {
    let nodes = upgrade("versions").await;
    let [old, new] = &nodes;

    let name = Name::from("doc");
    new::DocClient::register_local(&name, new::Doc { runs: 0 }).on(new).await.expect("the name is free");
    let doc = old::client(old, &name);
    assert_eq!(doc.runs().await, Ok(0), "what both understand works");
    refused(doc.size().await);
    refused(doc.edit(old::Edit { at: 1 }).await);
    doc.note("x").expect("nobody knows better yet");
    let all = old.group::<old::Doc>();
    for (_, answer) in all.multicall(old::Size).await.expect("all nodes answer") {
        refused(answer);
    }
    assert_eq!(all.publish(old::Note { text: "x".to_owned() }).await, Ok(0), "nobody can read it");
    assert_eq!(doc.runs().await, Ok(0), "nothing of it ran");
    assert_eq!(new.at::<new::Doc>(&name).size().await, Ok(-1));
    assert_eq!(doc.runs().await, Ok(1));
}

/// What was registered with other arguments starts only where they are understood, and is refused when nobody is left who does.
#[tokio::test(flavor = "multi_thread")]
async fn workers_start_only_on_nodes_that_have_the_version_of_their_init_arguments() {
    let [old, new] = upgrade("versions-init").await;
    let names: Vec<_> = (0..40).map(|i| format!("doc-{i}")).collect();
    for name in &names {
        old::register(&old, name).await.expect("there is a node of this version");
        let at = old.whereis(name).await.expect("an answer").expect("it is registered");
        assert_eq!(at.node, old.node(), "{name}");
    }
    let (gone, mut events) = (old.node(), new.events());
    drop(old);
    while !matches!(next(&mut events).await, Event::NodeDown(node, _) if node == gone) {}
    let name = &names[0];
    let doc = new.at::<new::Doc>(name);
    let error = doc.runs().timeout(PATIENCE).await.expect_err("nobody can start it");
    assert!(matches!(error, CallError::NoCapableNode { .. }) && error.executed() == Executed::No, "{error:?}");
    assert!(error.to_string().contains("`doc` was registered with init arguments of version"), "{error}");
    new.unregister(name).timeout(PATIENCE).await.expect("it is registered, and runs nowhere");
    new::DocClient::register(name, 1).on(&new).await.expect("the name is free");
    assert_eq!(doc.runs().await, Ok(0));
}
