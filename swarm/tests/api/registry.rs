//! The registry's functions, free and as methods of a node.

use std::collections::BTreeSet;

use swarm::prelude::*;

use crate::account::{Account, AccountClient};
use crate::{join, run, start};

#[test]
fn free_functions_use_the_default_node() {
    run(async {
        AccountClient::register("registry/1", 5).await.expect("the name is free");
        let location: Option<Location> = swarm::whereis("registry/1").await.expect("the registry answers");
        let location = location.expect("it is registered");
        let Location { node, worker, epoch } = &location;
        let me: NodeId = Swarm::current().expect("a node runs").node();
        assert_eq!((*node, worker.as_str()), (me, "Account"));
        assert!(*epoch > Epoch::default());

        let again = AccountClient::register("registry/1", 6).await;
        assert!(matches!(again, Err(RegisterError::AlreadyRegistered { location: at, .. }) if at == location));

        let all: Vec<(Name, Location)> = swarm::registered().await.expect("the registry answers");
        assert!(all.contains(&(Name::from("registry/1"), location)));
        assert!(all.is_sorted_by(|a, b| a.0 < b.0));

        swarm::unregister("registry/1").await.expect("the registry answers");
        assert_eq!(swarm::whereis("registry/1").await, Ok(None));
    });
}

#[test]
fn all_names_can_be_read_page_by_page() {
    run(async {
        let first = start("pages").await;
        let second = join("pages", &[&first]).await;
        let mut expected = BTreeSet::new();
        for i in 0..50 {
            AccountClient::register(format!("page/{i}"), i).on(&second).await.expect("the name is free");
            expected.insert(Name::from(format!("page/{i}")));
        }
        let mut pages = first.registered_pages().size(7);
        let mut seen = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.expect("all nodes answer");
            assert!(!page.is_empty() && page.len() <= 7, "{}", page.len());
            seen.extend(page.into_iter().map(|(name, _)| name));
        }
        assert!(seen.is_sorted_by(|a, b| a < b), "in order, and none twice");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);

        fn is_stream(_: &(impl futures_core::Stream<Item = Result<Vec<(Name, Location)>, RegistryError>> + Send)) {}
        is_stream(&first.group::<Account>().members_pages());
        let mut members = first.group::<Account>().members_pages().size(1_000);
        assert_eq!(members.next().await.expect("a page").expect("all nodes answer").len(), 50);
        assert!(members.next().await.is_none());
    });
}

#[test]
fn an_init_that_fails_or_panics_is_told() {
    run(async {
        let failed = AccountClient::register("registry/rich", 1 << 41).await;
        assert!(
            matches!(&failed, Err(RegisterError::Init { name, text, .. }) if name == "registry/rich" && text.contains("more than anyone")),
            "{failed:?}"
        );
        let panicked = AccountClient::register("panic", 1).await;
        assert!(
            matches!(&panicked, Err(RegisterError::Init { text, .. }) if text.contains("cannot be opened")),
            "{panicked:?}"
        );
        assert_eq!(swarm::whereis("registry/rich").await, Ok(None));
        assert_eq!(swarm::whereis("panic").await, Ok(None));
    });
}
