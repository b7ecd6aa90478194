//! What has happened, page by page: on one node, and on all.

use std::collections::BTreeMap;

use swarm::admin::{Client, Happened, NodeEvent, Since, SinceEach};
use swarm::prelude::*;

use super::fixture::{Dir, Tally, TallyClient, builder, client, next, pair, tallies};

fn since(cursor: Option<u64>, wait_ms: u64) -> Since {
    let mut since = Since::default();
    (since.cursor, since.wait_ms) = (cursor, wait_ms);
    since
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_read_from_where_one_has_stopped() {
    let dir = Dir::new();
    let one = builder("events", &[]).admin(swarm::Admin::unix(dir.join("one"))).start().await.expect("a node starts");
    let operator = client(&one).await;
    let mut live = one.events();
    TallyClient::register("a", ()).on(&one).await.expect("the name is free");
    next(&mut live, |event| matches!(event, swarm::Event::Started(name, _) if *name == "a")).await;
    // Told to all subscribers at once, but this operator's diary may not have been written yet.
    let page = operator.events_since(&since(Some(0), 10_000)).await.expect("it answers");
    let [row] = &page.events[..] else { panic!("one thing has happened: {page:?}") };
    assert!(matches!(&row.happened, Happened::Started { name, kind, .. } if name == "a" && kind == "Tally"), "{row:?}");
    assert!(row.at_unix_ms > 1_700_000_000_000);
    assert_eq!((row.number, page.next, page.missed), (0, 1, 0));

    // Who waits is answered by what happens next.
    let (cursor, waits) = (page.next, operator.clone());
    let waiting = tokio::spawn(async move { waits.events_since(&since(Some(cursor), 20_000)).await });
    let other = builder("events", &[&one]).start().await.expect("a node starts");
    let page = waiting.await.expect("it does not panic").expect("it answers");
    assert!(
        matches!(&page.events[0].happened, Happened::NodeUp { node } if *node == other.node().to_string()),
        "{page:?}"
    );

    // A cursor from beyond stands for whatever comes next, and nothing is nothing.
    let page = operator.events_since(&since(Some(u64::MAX), 0)).await.expect("it answers");
    assert_eq!((page.events.len(), page.missed), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_is_told_with_why() {
    let dir = Dir::new();
    let [one, other] = pair("events-gone", &dir).await;
    let operator = client(&one).await;
    tallies(&one, 5).await;
    let (gone, mut live) = (other.node().to_string(), one.events());
    other.leave().await.expect("it leaves in good order");
    next(&mut live, |event| matches!(event, swarm::Event::NodeDown(..))).await;
    let mut cursor = None;
    loop {
        let page = operator.events_since(&since(cursor, 10_000)).await.expect("it answers");
        assert!(!page.events.is_empty(), "something happens in time");
        cursor = Some(page.next);
        let down =
            |event: &Happened| matches!(event, Happened::NodeDown { node, why } if *node == gone && why == "left");
        if page.events.iter().any(|row| down(&row.happened)) {
            return;
        }
    }
}

/// Who reads the events of all nodes, and what he was told: by node, with no number twice and none left out.
struct Reader {
    operator: Client,
    since: SinceEach,
    told: BTreeMap<String, Vec<NodeEvent>>,
}

impl Reader {
    async fn of(node: &Swarm) -> Self {
        let mut since = SinceEach::default();
        // Few at once, so that there are many pages.
        (since.count, since.wait_ms) = (3, 10_000);
        Self { operator: client(node).await, since, told: BTreeMap::new() }
    }

    /// Reads on until a node has told of this.
    async fn until(&mut self, by: &Swarm, what: impl Fn(&Happened) -> bool) {
        let by = by.node().to_string();
        while !self.told.get(&by).is_some_and(|told| told.iter().any(|event| what(&event.row.happened))) {
            let page = self.operator.events(&self.since).await.expect("it answers");
            assert!(!page.events.is_empty(), "it happens in time: {:?}, {:?}", page.silent, page.unwritten);
            assert!(page.events.len() <= 3 && page.missed.is_empty());
            for event in page.events {
                let told = self.told.entry(event.by.clone()).or_default();
                assert_eq!(event.row.number, told.len() as u64, "none twice, and none left out: {event:?}");
                told.push(event);
            }
            self.since.cursors = page.cursors;
        }
    }
}

fn started(name: &str) -> impl Fn(&Happened) -> bool {
    move |event| matches!(event, Happened::Started { name: started, .. } if started == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_all_nodes_are_read_by_one() {
    let dir = Dir::new();
    let start = async |name: &str, seeds: &[&Swarm]| {
        let builder = builder("events-all", seeds).admin(swarm::Admin::unix(dir.join(name)));
        builder.start().await.expect("a node starts")
    };
    let one = start("one", &[]).await;
    let two = start("two", &[&one]).await;
    let mut reader = Reader::of(&one).await;
    TallyClient::register_local("a", Tally { hits: 0 }).on(&two).await.expect("the name is free");
    reader.until(&two, started("a")).await;

    // One that joins is told from its beginning.
    let three = start("three", &[&one]).await;
    TallyClient::register_local("b", Tally { hits: 0 }).on(&three).await.expect("the name is free");
    reader.until(&three, started("b")).await;
    // And of one that has gone what the others say, and nothing again.
    let gone = three.node().to_string();
    drop(three);
    let down = |event: &Happened| matches!(event, Happened::NodeDown { node, .. } if *node == gone);
    reader.until(&one, down).await;
    reader.until(&two, down).await;
    assert!(reader.since.cursors.iter().any(|cursor| cursor.node == gone), "should it be back, it is known how far");

    // Those of one node alone, from a number on, and what has not happened yet.
    let mut since = SinceEach::default();
    (since.node, since.from) = (Some(two.node().to_string()), Some(1));
    let page = reader.operator.events(&since).await.expect("it answers");
    assert_eq!(page.events[..], reader.told[&two.node().to_string()][1..]);
    since.from = Some(u64::MAX);
    assert_eq!(reader.operator.events(&since).await.expect("it answers").events, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_nothing_down_is_told_apart() {
    let dir = Dir::new();
    let [one, other] = pair("events-unwritten", &dir).await;
    let page = client(&one).await.events(&SinceEach::default()).await.expect("it answers");
    assert_eq!((page.unwritten, page.silent), (vec![other.node().to_string()], vec![]));
    assert!(page.events.iter().all(|event| event.by == one.node().to_string()));
}
