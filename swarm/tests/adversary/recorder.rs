//! Who records everything that is sent to a node, and sends it again: as it was, and with single bits turned.

use std::io::Write;
use std::net::TcpStream;

use swarm::prelude::*;
use swarm::{Event, Gone, Swarm};

use crate::cores::attack;
use crate::fixture::{PATIENCE, SECRET, Siege, now, patient};
use crate::pace::blows;
use crate::recording::Relay;

const CLUSTER: &str = "adversary-recorder";
/// Recorded connections that are played back with a bit turned, and recorded packets.
const STREAMS: usize = 400;
const PACKETS: usize = 400;

/// A node comes, is announced, leaves and comes again, so all that membership says is on the tape: of it and by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_session_is_played_back_and_damaged() {
    let relay = Relay::open();
    let recording = relay.recording.clone();
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), patient()).await;
    // Behind the relay is a node of its own, so that those of the siege are not disturbed by it.
    let at = relay.addr().to_string();
    let builder = || Swarm::builder().cluster(CLUSTER).bind("127.0.0.1:0").config(patient()).secret(SECRET);
    let seed = siege.target().local_addr().to_string();
    let watched = builder().advertise(&at).discovery(Seeds::new([seed])).start().await.expect("a node starts");
    let to = watched.local_addr();
    let way = relay.run(to);
    siege.until("it is a member", |siege| siege.nodes.iter().all(|node| node.nodes().len() == 4)).await;
    let mut events = watched.events();
    for _ in 0..2 {
        let guest = builder().discovery(Seeds::new([&at])).start().await.expect("a node starts");
        siege.until("the guest is a member", |_| watched.nodes().len() == 5).await;
        let gone = Event::NodeDown(guest.node(), Gone::Left);
        guest.leave().await.expect("it leaves in time");
        // Of all that happened this is told last: what is told later, the attack has done.
        let told = async { while events.next().await.expect("it runs") != gone {} };
        tokio::time::timeout(PATIENCE, told).await.expect("the guest is no member any more");
    }
    siege.until("enough is recorded", |_| recording.packets().len() > 20 && recording.streams().len() > 1).await;

    // The node behind the relay has its part of the calls now.
    siege.peace().await;
    let before = watched.stats();
    let (packets, streams) = (recording.packets(), recording.streams());
    let played = attack(move || {
        for packet in &packets {
            way.send_to(packet, to).expect("it is a loopback address");
        }
        for i in 0..PACKETS {
            let mut packet = packets[i % packets.len()].clone();
            let bit = i * 7_919 % (packet.len() * 8);
            packet[bit / 8] ^= 1 << (bit % 8);
            way.send_to(&packet, to).expect("it is a loopback address");
        }
        for i in blows(STREAMS as u64, 1_000).map(|blow| blow as usize) {
            let mut stream = streams[i % streams.len()].clone();
            if i >= streams.len() && !stream.is_empty() {
                // More at the beginning, where everything is looked at.
                let bit = i * 7_919 % (stream.len().min(64 << (i % 6)) * 8);
                stream[bit / 8] ^= 1 << (bit % 8);
            }
            // It may be refused in the middle.
            let _ = TcpStream::connect(to).expect("it listens").write_all(&stream);
        }
        streams.len().min(STREAMS)
    });
    siege.calls_go_on().await;
    let streams = played.await.expect("it does not panic") as u64;
    siege
        .until("what was repeated and what was damaged is counted", |_| {
            let now = watched.stats();
            now.replayed_packets > before.replayed_packets
                && now.refused_packets > before.refused_packets
                && now.refused_connections >= before.refused_connections + streams / 2
        })
        .await;
    siege.calls_go_on().await;
    assert_eq!(watched.nodes().len(), 4);
    while let Some(event) = now(&mut events).await {
        let moved = matches!(event, Event::NodeUp(_) | Event::NodeDown(..) | Event::NodeLeaving(_) | Event::Missed(_));
        assert!(!moved, "nobody came or went: {event:?}");
    }
    tokio::time::timeout(PATIENCE, watched.leave()).await.expect("it ends").expect("it leaves in time");
    siege.end("a recorded session, played back and damaged", 64 << 20).await;
}
