//! Members that send more than is worked off.

use swarm_net::wire::Frame;

use crate::cores::attack;
use crate::fixture::{SECRET, Siege, patient};
use crate::member::{Plan, send_all};
use crate::pace::blows;

const CLUSTER: &str = "adversary-flood";
/// Directory messages, requests and answers.
const CONTROL: [u8; 3] = [20, 21, 22];
const FRAMES: u64 = 30_000;
const FRAME_BYTES: usize = 4 << 10;
/// As little may wait for the control as makes the flood meet the limit, however quick the control is.
const INTAKE_BYTES: u64 = 16 << 10;

/// 120 MB of what nobody can read come to the control of one node. It takes all of it, in its own time.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_floods_the_control() {
    let mut config = patient();
    config.net.intake_bytes_max = INTAKE_BYTES;
    let mut siege = Siege::begin(CLUSTER, Some(SECRET), config).await;
    let target = siege.target().clone();
    let (member, peer) = siege.let_in(Plan::of(CLUSTER, Some(SECRET)), &target).await;
    let before = siege.stats();
    let flood = attack(move || {
        let body = vec![0xff; FRAME_BYTES];
        let mut sent = 0;
        send_all(
            &peer,
            blows(FRAMES, 30_000).map(|i| {
                sent = i + 1;
                let mut head = [0; 24];
                head[..8].copy_from_slice(&(FRAME_BYTES as u64).to_le_bytes());
                Frame::new(CONTROL[(i % 3) as usize], head, &[&body])
            }),
        );
        sent
    });
    siege.calls_go_on().await;
    let sent = flood.await.expect("all of it finds room in the end");
    siege.until("all of it is worked off", |siege| siege.stats().malformed >= before.malformed + sent).await;
    assert_eq!(siege.stats().malformed, before.malformed + sent, "and nothing comes twice");
    assert!(siege.stats().held_back > before.held_back, "it had to wait");
    assert_eq!(siege.stats().cut_connections, before.cut_connections);
    drop(member);
    siege.end("a flood of control messages", 48 << 20).await;
}

/// Batches that are begun and never completed, of all kinds, and such as cannot be.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_begins_batches_and_completes_none() {
    let mut siege = Siege::begin("adversary-batches", Some(SECRET), patient()).await;
    let target = siege.target().clone();
    let (member, peer) = siege.let_in(Plan::of("adversary-batches", Some(SECRET)), &target).await;
    let before = siege.stats().malformed;
    let begun = attack(move || {
        let body = vec![7; 256 << 10];
        let piece = |kind, total: u64, offset: u64| {
            let mut head = [0; 24];
            head[..8].copy_from_slice(&total.to_le_bytes());
            head[8..16].copy_from_slice(&offset.to_le_bytes());
            Frame::new(kind, head, &[&body])
        };
        // Ninety megabytes are announced, thirty of each kind: not all of them find room.
        let each = (30 << 20) / body.len() as u64;
        send_all(
            &peer,
            CONTROL
                .into_iter()
                .flat_map(|kind| (0..each).map(move |i| (kind, i)))
                .map(|(kind, i)| piece(kind, (30 << 20) + 1, i * (256 << 10))),
        );
        send_all(&peer, blows(100, 480).map(|i| piece(CONTROL[i as usize % 3], u64::MAX, 0)));
        send_all(&peer, (0..100).map(|i| piece(CONTROL[i % 3], u64::MAX, u64::MAX)));
    });
    siege.calls_go_on().await;
    begun.await.expect("all of it finds room in the end");
    siege.until("what is too much is counted", |siege| siege.stats().malformed >= before + 200).await;
    drop(member);
    siege.calls_go_on().await;
    siege.end("batches without end", 160 << 20).await;
}
