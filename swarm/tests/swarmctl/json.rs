//! Messages that are sent from the command line.

use std::process::Stdio;

use serde_json::json;
use swarm::Swarm;
use tokio::io::AsyncWriteExt;

use super::fixture::{Dir, PATIENCE, TallyClient, pair};

/// What was bought.
#[swarm::message(json)]
struct Order {
    /// Of what.
    item: String,
    /// How many.
    count: u32,
    gift: Option<String>,
}

/// How it is paid.
#[swarm::message(json)]
enum Payment {
    Cash,
    /// By its number.
    Card(u64),
    Split(u64, u64),
    Later {
        days: u32,
    },
}

#[swarm::message(json)]
struct Refused {
    why: String,
    /// What there is instead.
    instead: Vec<Offer>,
}

/// It may be made of others.
#[swarm::message(json)]
enum Offer {
    One(String),
    Set { of: Vec<Offer> },
}

fn offers() -> Vec<Offer> {
    vec![Offer::Set { of: vec![Offer::One("tea".to_owned())] }]
}

struct Till {
    sold: u64,
}

#[swarm::worker(json, public, name = "shop.till")]
impl Till {
    /// Opens it.
    #[init]
    fn init(float: u64) -> Self {
        Self { sold: float }
    }

    /// Sells something.
    ///
    /// As long as there is any.
    #[call(Order)]
    fn sell(&mut self, order: Order) -> Result<u64, Refused> {
        if order.item.is_empty() {
            return Err(Refused { why: format!("no item\u{1b}[31m for {:?}", order.gift), instead: offers() });
        }
        self.sold += u64::from(order.count);
        Ok(self.sold)
    }

    #[cast(Payment)]
    fn pay(&mut self, payment: Payment) {
        let paid = match payment {
            Payment::Cash => 1,
            Payment::Card(number) => number,
            Payment::Split(one, other) => one + other,
            Payment::Later { days } => u64::from(days),
        };
        self.sold += paid;
    }

    #[call]
    fn total(&self) -> u64 {
        self.sold
    }

    #[call]
    fn jam(&mut self, drawer: String) {
        panic!("{drawer}");
    }

    #[call]
    async fn wait(&self) {
        std::future::pending::<()>().await;
    }
}

/// Two nodes and a till.
async fn shop(cluster: &str, dir: &Dir) -> [Swarm; 2] {
    let nodes = pair(cluster, dir).await;
    TillClient::register("till/1", 10).on(&nodes[0]).await.expect("the name is free");
    nodes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_called_and_cast_to() {
    let dir = Dir::new();
    let _nodes = shop("called", &dir).await;
    let out = dir.run(&["call", "till/1", "sell", r#"{"item": "tea", "count": 2}"#]).await.done();
    assert_eq!(out, "{\"Ok\":12}\n");
    let out = dir.run(&["call", "till/1", "Order", r#"{"item": "", "count": 2, "gift": "me"}"#]).await.done();
    assert_eq!(
        out,
        "{\"Err\":{\"why\":\"no item\\u001b[31m for Some(\\\"me\\\")\",\"instead\":[{\"Set\":{\"of\":[{\"One\":\"tea\"}]}}]}}\n"
    );
    assert_eq!(dir.run(&["cast", "till/1", "pay", r#"{"Split": [1, 2]}"#]).await.done(), "sent to till/1\n");
    assert_eq!(dir.run(&["cast", "till/1", "pay", r#""Cash""#, "--json"]).await.done(), "{}\n");
    // Without fields there is nothing to write.
    assert_eq!(dir.run(&["call", "till/1", "total"]).await.done(), "16\n");
    let [reply] = &dir.run(&["call", "till/1", "total", "--json"]).await.json()[..] else { panic!("one document") };
    assert_eq!(reply, &json!({ "reply": 16 }));

    let mut child = dir.program(&["call", "till/1", "sell", "-"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(br#"{"item": "tea", "count": 4}"#).await.expect("it reads");
    drop(stdin);
    let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("in time").expect("it ran");
    assert_eq!(ended.stdout, b"{\"Ok\":20}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_done_says_whether_it_ran() {
    let dir = Dir::new();
    let nodes = shop("not-done", &dir).await;
    TallyClient::register("tally", ()).on(&nodes[0]).await.expect("the name is free");
    let ran = dir.run(&["call", "till/1", "sell", r#"{"item": "tea", "count": -1}"#]).await.failed(1);
    assert_eq!(
        ran,
        "swarmctl: this is no `Order`: `count`: invalid value: integer `-1`, expected u32 at line 1 column 27 (it did not run)\n"
    );
    let ran = dir.run(&["call", "nobody", "sell", "--json"]).await.failed(1);
    let error: serde_json::Value = serde_json::from_str(&ran).expect("a JSON document");
    let text = "no worker is registered as `nobody`";
    assert_eq!(error, json!({ "error": { "code": "not_found", "text": text, "executed": "no" } }));
    let ran = dir.run(&["call", "tally", "hit"]).await.failed(1);
    assert!(ran.contains("take no JSON: mark it `#[swarm::worker(json)]`"), "{ran}");
    let ran = dir.run(&["call", "till/1", "jam", r#"{"drawer": "the\nlower"}"#, "--json"]).await.failed(1);
    let error: serde_json::Value = serde_json::from_str(&ran).expect("a JSON document");
    assert_eq!((&error["error"]["code"], &error["error"]["executed"]), (&json!("failed"), &json!("yes")), "{error}");
    for wrong in ["{", "tea", "{}{}"] {
        let ran = dir.run(&["call", "till/1", "sell", wrong]).await.failed(2);
        assert!(ran.starts_with("swarmctl: this is no JSON: ") && ran.contains("write an object"), "{ran}");
    }
    let ran = dir.run(&["call", "till/1", "wait", "--timeout", "1", "--json"]).await.failed(4);
    let error: serde_json::Value = serde_json::from_str(&ran).expect("a JSON document");
    assert_eq!(error["error"]["code"], "timeout");
    assert_ne!(error["error"]["executed"], "no", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_type_is_described() {
    let dir = Dir::new();
    let _nodes = shop("described", &dir).await;
    let text = dir.run(&["describe", "--kind", "shop.till"]).await.done();
    let expected = r#"shop.till, public

init
    Opens it.
    float: u64

call sell -> Result<u64, Refused>    (Order)
    Sells something.

    As long as there is any.
    item: String    Of what.
    count: u32    How many.
    gift: Option<String>

cast pay    (Payment)
    one of
        "Cash"
        {"Card": ..}
            By its number.
            u64
        {"Split": [..]}
            [u64, u64]
        {"Later": {..}}
            days: u32

call total -> u64    (shop.till/total)

call jam -> ()    (shop.till/jam)
    drawer: String

call wait -> ()    (shop.till/wait)

type Offer
    one of
        {"One": ..}
            String
        {"Set": {..}}
            of: Vec<Offer>

type Refused
    why: String
    instead: Vec<Offer>    What there is instead.
"#;
    assert_eq!(text, expected);
    let kind = &dir.run(&["describe", "--kind", "shop.till", "--json"]).await.json()[0];
    assert_eq!((&kind["kind"], &kind["json"], &kind["public"]), (&json!("shop.till"), &json!(true), &json!(true)));
    let fields = &kind["messages"][0]["takes"][0]["fields"];
    assert_eq!(fields[1], json!({ "name": "count", "type": "u32", "docs": "How many." }));
    let text = dir.run(&["describe", "--kind", "Tally"]).await.done();
    assert!(text.starts_with("Tally\nIt is not marked") && text.contains("\ncall Tally/hit\n"), "{text}");
    let ran = dir.run(&["describe", "--kind", "Till"]).await.failed(1);
    assert!(ran.contains("no node knows a worker type `Till`: they know ") && ran.contains("shop.till"), "{ran}");
    let ran = dir.run(&["describe", "till/1", "--kind", "Till"]).await;
    assert_eq!(ran.status, 2, "{ran:?}");
    assert_eq!(dir.run(&["describe"]).await.status, 2);
}
