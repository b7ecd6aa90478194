//! What has happened, page by page.

use swarm::admin::{Happened, Since};

use super::fixture::{Dir, TallyClient, builder, client, next, pair, tallies};

fn since(cursor: Option<u64>, wait_ms: u64) -> Since {
    let mut since = Since::default();
    (since.cursor, since.wait_ms) = (cursor, wait_ms);
    since
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_read_from_where_one_has_stopped() {
    let dir = Dir::new();
    let one = builder("events", &[]).admin(swarm::Admin::unix(dir.socket("one"))).start().await.expect("a node starts");
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
