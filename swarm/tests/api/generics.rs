//! Generic workers: each instantiation is a kind of its own, named to the builder.

use std::collections::BTreeMap;

use swarm::prelude::*;

use crate::run;

struct Cache<T> {
    entries: BTreeMap<String, T>,
}

#[swarm::worker]
impl<T: swarm::Wire + Clone + Sync> Cache<T> {
    #[init]
    fn init() -> Self {
        Self { entries: BTreeMap::new() }
    }

    #[call]
    fn put(&mut self, key: String, value: T) -> Option<T> {
        self.entries.insert(key, value)
    }

    #[call]
    fn get(&self, key: String) -> Option<T> {
        self.entries.get(&key).cloned()
    }
}

#[test]
fn each_instantiation_is_its_own_kind() {
    run(async {
        let swarm = Swarm::builder()
            .cluster("generics")
            .bind("127.0.0.1:0")
            .discovery(Seeds::new(Vec::<String>::new()))
            .config(Config::local())
            .worker::<Cache<String>>()
            .worker::<Cache<u64>>()
            .worker::<Cache<String>>()
            .start()
            .await
            .expect("naming a kind twice does no harm");
        CacheClient::<String>::register("texts", ()).on(&swarm).await.expect("the name is free");
        let texts = swarm.at::<Cache<String>>("texts");
        assert_eq!(texts.put("a", "b".to_owned()).await, Ok(None));
        assert_eq!(texts.get("a").await, Ok(Some("b".to_owned())));
        let got = CacheClient::<String>::call("texts", cache::Get { key: "a".to_owned() }).on(&swarm).await;
        assert_eq!(got, Ok(Some("b".to_owned())));
        let other = swarm.at::<Cache<u64>>("texts").get("a").await;
        assert!(
            matches!(&other, Err(error @ CallError::WrongWorker { .. }) if error.to_string().contains("type arguments")),
            "{other:?}"
        );
        let unknown = CacheClient::<u8>::register("bytes", ()).on(&swarm).await;
        assert!(
            matches!(&unknown, Err(error @ RegisterError::NoCapableNode { .. }) if error.to_string().contains("worker::<")),
            "{unknown:?}"
        );
    });
}
