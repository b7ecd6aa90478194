//! Members that ask for much and read nothing.

use swarm_net::wire::Frame;

use crate::fixture::{SECRET, Siege, patient};
use crate::member::{Member, Plan};

/// "Tell me when everything I sent you until now has found its place."
const FLUSH: u8 = 23;

/// Each flush is answered by a frame that is never refused for lack of room, so whoever reads none of them loses the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_asks_for_words_and_never_reads_them() {
    const CLUSTER: &str = "adversary-deaf";
    let mut config = patient();
    (config.net.calls_queue_frames_max, config.net.calls_queue_bytes_max) = (1_024, 1 << 20);
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), config).await;
    let target = siege.target().clone();
    let before = siege.stats().cut_connections;
    let hoarder = tokio::task::spawn_blocking(move || {
        let member = Member::start(Plan::of(CLUSTER, Some(SECRET)), target.local_addr());
        member.reach(target.node());
        // The answers fill the sockets of both ends, and then the queue.
        let enough = || target.stats().cut_connections > before;
        member.hoard(target.node(), || Frame::new(FLUSH, [0; 24], &[]), enough);
        member
    });
    siege.calls_go_on().await;
    let member = hoarder.await.expect("its connection is ended");
    drop(member);
    siege.end("a member that never reads words", 64 << 20).await;
}
