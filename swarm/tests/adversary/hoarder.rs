//! Members that ask for much and read nothing.

use swarm_net::wire::Frame;

use crate::fixture::{SECRET, Siege, patient};
use crate::member::{Member, Plan, go_deaf};

/// "Tell me when everything I sent you until now has found its place."
const FLUSH: u8 = 23;

/// Each flush is answered by a frame that is never refused for lack of room, so whoever reads none of them loses the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_asks_for_words_and_never_reads_them() {
    const CLUSTER: &str = "adversary-deaf";
    let mut config = patient();
    (config.net.calls_queue_frames_max, config.net.calls_queue_bytes_max) = (1_024, 1 << 20);
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), config).await;
    let (target, seed) = (siege.target().node(), siege.target().local_addr());
    let before = siege.stats().cut_connections;
    let hoarder = tokio::task::spawn_blocking(move || {
        let member = Member::start(Plan::of(CLUSTER, Some(SECRET)), seed);
        let peer = member.reach(target);
        let deaf = go_deaf(&peer);
        // They fill the sockets of both ends, and then the queue.
        member.send_until_reset(&peer, || Frame::new(FLUSH, [0; 24], &[]));
        (member, deaf)
    });
    siege.calls_go_on().await;
    let member = hoarder.await.expect("its connection is ended");
    assert!(siege.stats().cut_connections > before);
    drop(member);
    siege.end("a member that never reads words", 64 << 20).await;
}
