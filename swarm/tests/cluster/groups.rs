//! Groups across nodes.

use swarm::Swarm;
use swarm::prelude::*;

use crate::fixture::{PATIENCE, Tally, TallyClient, cluster, populate, tally};

#[derive(swarm::Group)]
#[group(worker = Tally)]
struct Even;

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_joined_told_and_asked_across_nodes() {
    let nodes = cluster("groups", 3).await;
    populate(&nodes, 20).await;
    for i in (0..20).step_by(2) {
        nodes[i % 3].group::<Even>().join(format!("name-{i}")).await.expect("it is registered");
    }
    let members = nodes[1].group::<Even>().members().await.expect("all nodes answer");
    assert_eq!(members.len(), 10);
    assert_eq!(nodes[2].group::<Even>().publish(tally::Add { by: 100 }).await, Ok(10));
    let answers = nodes[0].group::<Even>().multicall(tally::Hit { by: 0 }).await.expect("all nodes answer");
    assert_eq!(answers.len(), 10);
    for (name, hits) in answers {
        let i: u64 = name.as_str().trim_start_matches("name-").parse().expect("a number");
        assert_eq!(hits, Ok(i + 100), "{name}");
    }
    let all = nodes[0].group::<Tally>().multicall(tally::Hit { by: 0 }).await.expect("all nodes answer");
    assert_eq!(all.len(), 20);
    nodes[0].group::<Even>().leave("name-4").await.expect("it is registered");
    assert_eq!(nodes[1].group::<Even>().members().await.expect("all nodes answer").len(), 9);
    let nobody = nodes[0].group::<Even>().join("no such name").await;
    assert!(matches!(nobody, Err(RegistryError::NotRegistered { .. })), "{nobody:?}");
}

/// So many that none of the nodes tells or asks all of its own at one go.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_group_everyone_is_told_and_asked_once() {
    const MEMBERS: u64 = 2_500;
    let nodes = cluster("many", 2).await;
    populate(&nodes, MEMBERS).await;
    // More of them at once than are told beside each other.
    let publish =
        || tokio::spawn(nodes[0].group::<Tally>().publish(tally::Add { by: 2 }).timeout(PATIENCE).into_future());
    let told: Vec<_> = std::iter::repeat_with(publish).take(50).collect();
    for told in told {
        assert_eq!(told.await.expect("it does not panic"), Ok(2_500));
    }
    let answers = nodes[1].group::<Tally>().multicall(tally::Hit { by: 0 }).await.expect("all nodes answer");
    assert_eq!(answers.len(), 2_500);
    for (name, hits) in answers {
        let i: u64 = name.as_str().trim_start_matches("name-").parse().expect("a number");
        assert_eq!(hits, Ok(i + 100), "{name}");
    }
}

/// How many questions each node was asked by others.
fn surveyed(nodes: &[Swarm]) -> Vec<u64> {
    nodes.iter().map(|node| node.stats().surveyed).collect()
}

/// Tells the group, and says how many it was told and which nodes were asked.
async fn tell(nodes: &[Swarm], from: usize, room: &Name) -> (usize, Vec<usize>) {
    let before = surveyed(nodes);
    let told = nodes[from].group::<Even>().key(room.clone()).publish(tally::Add { by: 1 }).await;
    let asked = surveyed(nodes).into_iter().zip(before).enumerate().filter(|(_, (now, then))| now > then);
    (told.expect("all nodes answer"), asked.map(|(node, _)| node).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn at_rest_only_the_nodes_that_have_members_are_asked() {
    let nodes = cluster("rest", 4).await;
    let room = Name::from("room");
    for (i, node) in nodes[..2].iter().enumerate() {
        let name = format!("local-{i}");
        TallyClient::register_local(&name, Tally::with(0)).on(node).await.expect("the name is free");
        nodes[3].group::<Even>().key(room.clone()).join(&name).await.expect("it is registered");
    }
    assert_eq!(tell(&nodes, 3, &room).await, (2, vec![0, 1, 2]), "nothing is known of them yet");
    for _ in 0..3 {
        assert_eq!(tell(&nodes, 3, &room).await, (2, vec![0, 1]));
    }
    // All that is asked about a group knows of it, and each group and each asker by itself.
    let before = surveyed(&nodes);
    let group = || nodes[3].group::<Even>().key(room.clone());
    assert_eq!(group().members().await.expect("all nodes answer").len(), 2);
    assert_eq!(group().multicall(tally::Hit { by: 0 }).await.expect("all nodes answer").len(), 2);
    let mut pages = group().members_pages();
    assert_eq!(pages.next().await.expect("a page").expect("all nodes answer").len(), 2);
    assert_eq!(surveyed(&nodes)[2], before[2]);
    assert_eq!(tell(&nodes, 3, &Name::from("another")).await, (0, vec![0, 1, 2]));
    assert_eq!(tell(&nodes, 1, &room).await, (2, vec![0, 2, 3]));
    nodes[0].group::<Even>().key(room.clone()).leave("local-0").await.expect("it is registered");
    assert_eq!(tell(&nodes, 3, &room).await, (1, vec![0, 1]));
    assert_eq!(tell(&nodes, 3, &room).await, (1, vec![1]));
}

/// The race that a summary of members must not lose: every node has said that it has none, one joins through a second node,
/// and a third publishes as soon as the join is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_just_joined_is_asked_by_those_who_knew_of_nobody() {
    let nodes = cluster("just-joined", 3).await;
    populate(&nodes, 12).await;
    let room = Name::from("room");
    for i in 0..60 {
        let publisher = i % 3;
        for _ in 0..2 {
            tell(&nodes, publisher, &room).await;
        }
        assert_eq!(tell(&nodes, publisher, &room).await, (0, vec![]), "everybody has pledged");
        let name = format!("name-{}", i % 12);
        let group = || nodes[(i + 1) % 3].group::<Even>().key(room.clone());
        group().join(&name).await.expect("it is registered");
        assert_eq!(tell(&nodes, publisher, &room).await.0, 1, "{name} has joined");
        group().leave(&name).await.expect("it is registered");
    }
}

/// The group of a worker type has no joins: whoever is registered is in it.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_just_registered_is_asked_by_those_who_knew_of_nobody() {
    let nodes = cluster("just-registered", 3).await;
    for i in 0..30 {
        let (publisher, name) = (&nodes[i % 3], format!("fresh-{i}"));
        for _ in 0..2 {
            assert_eq!(publisher.group::<Tally>().publish(tally::Add { by: 1 }).await, Ok(0));
        }
        TallyClient::register(&name, ()).on(&nodes[(i + 1) % 3]).await.expect("the name is free");
        assert_eq!(publisher.group::<Tally>().publish(tally::Add { by: 1 }).await, Ok(1), "{name}");
        nodes[(i + 2) % 3].unregister(&name).await.expect("an answer");
    }
}

/// There is no limit to the keys of a group; to what nodes remember of them there is.
#[tokio::test(flavor = "multi_thread")]
async fn more_rooms_than_a_node_remembers_are_all_heard() {
    let nodes = cluster("rooms", 2).await;
    populate(&nodes, 4).await;
    let room = |i: usize| Name::from(format!("room-{i}"));
    for i in 0..1_100 {
        assert_eq!(tell(&nodes, 0, &room(i)).await, (0, vec![1]));
    }
    for i in (0..1_100).step_by(100) {
        for n in 0..4 {
            nodes[1].group::<Even>().key(room(i)).join(format!("name-{n}")).await.expect("it is registered");
        }
        assert_eq!(tell(&nodes, 0, &room(i)).await.0, 4, "{}", room(i));
    }
}

#[derive(swarm::Group)]
#[group(worker = Eager)]
struct Early;

/// Joins before it runs.
struct Eager(u64);

#[swarm::worker]
impl Eager {
    #[init]
    async fn init(ctx: &Context<Self>) -> Self {
        ctx.join::<Early>().await.expect("it is being registered");
        Self(0)
    }

    #[cast]
    fn tell(&mut self) {
        self.0 += 1;
    }

    #[call]
    fn told(&self) -> u64 {
        self.0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_in_its_init_is_told_from_the_first_moment() {
    let nodes = cluster("early", 3).await;
    for i in 0..30 {
        let name = format!("eager-{i}");
        for node in &nodes {
            assert_eq!(node.group::<Early>().publish(eager::Tell {}).await, Ok(0));
        }
        EagerClient::register(&name, ()).on(&nodes[i % 3]).await.expect("the name is free");
        for (count, node) in (1..).zip(&nodes) {
            assert_eq!(node.group::<Early>().publish(eager::Tell {}).await, Ok(1), "{name}");
            assert_eq!(node.at::<Eager>(&name).told().await, Ok(count), "{name}");
        }
        nodes[0].unregister(&name).await.expect("an answer");
    }
}

#[derive(swarm::Group)]
#[group(worker = Scribe)]
struct Scribes;

/// Writes and hears a lot.
struct Scribe {
    heard: u64,
}

#[swarm::worker]
impl Scribe {
    #[init]
    fn init() -> Self {
        Self { heard: 0 }
    }

    #[call]
    fn write(&self, bytes: u64) -> Vec<u8> {
        vec![7; usize::try_from(bytes).expect("a small number")]
    }

    #[call]
    fn heard(&self) -> u64 {
        self.heard
    }

    #[cast]
    fn hear(&mut self, text: Vec<u8>) {
        self.heard += text.len() as u64;
    }
}

/// What the members of one node answer fits into no frame, or one answer alone does not.
#[tokio::test(flavor = "multi_thread")]
async fn large_answers_come_in_parts_and_what_is_too_large_is_said_so() {
    let nodes = cluster("large", 2).await;
    let scribes = || nodes[0].group::<Scribes>();
    for i in 0..4 {
        // Names take room, too.
        let name = format!("{i}{}", "-".repeat(1_000));
        ScribeClient::register_local(&name, Scribe { heard: 0 }).on(&nodes[1]).await.expect("the name is free");
        scribes().join(&name).await.expect("it is registered");
    }
    let limit = u64::from(swarm::Config::local().message_bytes_max);
    for bytes in [10, limit / 2, limit - 1_000] {
        let answers = scribes().multicall(scribe::Write { bytes }).await.expect("all nodes answer");
        let lengths: Vec<_> = answers.iter().map(|(_, reply)| reply.as_ref().map(|text| text.len() as u64)).collect();
        assert_eq!(lengths, [Ok(bytes); 4]);
    }
    let answers = scribes().multicall(scribe::Write { bytes: limit + 1 }).await.expect("all nodes answer");
    let refused = |reply: &Result<_, CallError>| matches!(reply, Err(error @ CallError::TooLarge { .. }) if error.executed() == swarm::Executed::Yes);
    assert!(answers.len() == 4 && answers.iter().all(|(_, reply)| refused(reply)), "{answers:?}");
    let text = |bytes| vec![7; usize::try_from(bytes).expect("a small number")];
    assert_eq!(scribes().publish(scribe::Hear { text: text(limit - 1_000) }).await, Ok(4));
    let told = scribes().publish(scribe::Hear { text: text(limit + 1) }).await;
    assert!(matches!(told, Err(RegistryError::TooLarge { .. })), "{told:?}");
    let heard = scribes().multicall(scribe::Heard {}).await.expect("all nodes answer");
    assert!(heard.iter().all(|(_, heard)| *heard == Ok(limit - 1_000)), "{heard:?}");
}
