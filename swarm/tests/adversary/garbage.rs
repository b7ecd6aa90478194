//! Who sends garbage to the port where gossip comes in, as fast as it goes.

use std::net::UdpSocket;

use crate::cores::attack;
use crate::fixture::{SECRET, Siege, patient};
use crate::pace::blows;

/// Packets that are sent. Many are lost before they arrive, as in any flood.
const PACKETS: u64 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_garbage_packets() {
    for (secret, cluster) in [(Some(SECRET), "adversary-garbage"), (None, "adversary-garbage-open")] {
        let mut siege = Siege::begin(cluster, secret, patient()).await;
        let to = siege.target().local_addr();
        let flood = attack(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            let mut bytes = *b"SK\x01\0................................................................";
            for i in blows(PACKETS, 100_000) {
                // What begins like a sealed packet, what begins like an open one, and what begins like neither.
                bytes[1] = [b'K', b'W', b'?'][(i % 3) as usize];
                bytes[8..16].copy_from_slice(&i.to_le_bytes());
                // The system may have no room for it.
                let _ = socket.send_to(&bytes[..8 + (i % 60) as usize], to);
            }
        });
        siege.calls_go_on().await;
        flood.await.expect("it does not panic");
        if secret.is_some() {
            siege.until("it is counted", |siege| siege.stats().refused_packets > 0).await;
        }
        siege.calls_go_on().await;
        siege.end("a flood of garbage packets", 16 << 20).await;
    }
}
