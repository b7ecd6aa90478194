//! Nodes whose programs have different versions of a message: JSON is read by the node that has the worker.

use serde_json::json;
use swarm::prelude::*;
use swarm::{Builder, Http};

use super::client::{post, worker};
use super::fixture::{at, patient, until};

mod old {
    pub(crate) struct Till;

    #[swarm::worker(public, json, name = "Till", register = manual)]
    impl Till {
        #[init]
        fn init() -> Self {
            Self
        }

        #[call]
        fn pay(&mut self, cents: u64) -> u64 {
            cents
        }
    }
}

mod new {
    pub(crate) struct Till;

    #[swarm::worker(public, json, name = "Till", register = manual)]
    impl Till {
        #[init]
        fn init() -> Self {
            Self
        }

        #[call]
        fn pay(&mut self, cents: u64, tip: Option<u64>) -> u64 {
            cents + tip.unwrap_or(0)
        }
    }
}

fn builder(seeds: &[&Swarm]) -> Builder {
    let seeds: Vec<String> = seeds.iter().map(|seed| seed.local_addr().to_string()).collect();
    let builder = Swarm::builder().cluster("http-versions").discovery(Seeds::new(seeds)).config(patient());
    builder.http(Http::at("127.0.0.1:0"))
}

#[tokio::test(flavor = "multi_thread")]
async fn either_version_is_called_through_either_node() {
    let one = builder(&[]).worker::<old::Till>().start().await.expect("a node starts");
    let two = builder(&[&one]).worker::<new::Till>().start().await.expect("a node starts");
    until("both know both", &one, async || [&one, &two].iter().all(|node| node.nodes().len() == 2)).await;
    for (host, sum) in [(&one, 5), (&two, 5)] {
        let mut name = None;
        for i in 0..200 {
            let tried = format!("till/{}/{i}", host.node());
            let at = old::TillClient::whereis_or_register(&tried, ()).on(&one).await.expect("it starts");
            if at.node == host.node() {
                name = Some(tried);
                break;
            }
        }
        let name = name.expect("of 200 one is there");
        for through in [&one, &two] {
            for path in [worker(&name, "pay"), worker(&name, "pay?kind=Till")] {
                let reply = post(&path, json!({"cents": 5})).send(at(through)).await;
                assert_eq!((reply.status, reply.body.as_str()), (200, sum.to_string().as_str()), "{reply:?}");
            }
        }
    }
}
