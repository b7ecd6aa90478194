//! Who claims in packets to be somebody at another address, so that answers go there.

use std::io::ErrorKind;
use std::net::UdpSocket;

use swarm::NodeId;
use swarm_net::wire::{ClusterHash, Packet, PacketKind};

use crate::fixture::{Siege, patient};

const CLUSTER: &str = "adversary-forger";
const PACKETS: u64 = 500;

/// Without a secret anybody can write packets that are well-formed. They are believed no more for that.
#[tokio::test(flavor = "multi_thread")]
async fn packets_with_forged_senders_are_not_answered() {
    let mut siege = Siege::begin(CLUSTER, None, patient()).await;
    let (attacker, victim) = (socket(), socket());
    victim.set_nonblocking(true).expect("it is a socket");
    let at = victim.local_addr().expect("it is bound");
    let mut packet = Vec::new();
    let before = siege.stats().misplaced_packets;
    for boot in 1..=PACKETS {
        let sender = NodeId::new(at, boot);
        for (kind, body) in [(PacketKind::Ping, &b""[..]), (PacketKind::Gossip, b"not what foca says")] {
            Packet { kind, sender, body }.encode(ClusterHash::new(CLUSTER), &mut packet);
            attacker.send_to(&packet, siege.target().local_addr()).expect("it is a loopback address");
        }
        siege.until("it is counted", |siege| siege.stats().misplaced_packets >= before + 2 * boot).await;
    }
    siege.calls_go_on().await;
    let heard = victim.recv_from(&mut [0; 1_024]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::WouldBlock), "nobody writes to who was named");
    siege.end("packets with forged senders", 8 << 20).await;
}

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a free port")
}
