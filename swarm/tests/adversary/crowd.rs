//! Who opens connections and says nothing, too little, or what nobody may say.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use swarm::{Config, Stats};
use swarm_net::wire::Header;

use crate::cores::attack;
use crate::fixture::{PATIENCE, SECRET, Siege, patient};
use crate::pace::blows;

/// Half-open connections, and how many are opened before the first of them are looked at.
const CONNECTIONS: u64 = 2_000;
const AT_ONCE: u64 = 400;

/// A stranger's time is short, so that the test's is.
fn hasty() -> Config {
    let mut config = patient();
    (config.net.handshake_ms, config.net.partial_frame_ms) = (1_000, 1_000);
    config
}

fn dial(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream
}

/// Waits until the other end has closed it, whatever it says before.
fn until_closed(mut stream: &TcpStream) {
    loop {
        match stream.read(&mut [0; 1_024]) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                let closed =
                    matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe);
                assert!(closed, "it is held for ever: {error}");
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_half_open_connections() {
    let mut siege = Siege::begin("adversary-crowd", Some(SECRET), hasty()).await;
    let (to, before) = (siege.target().local_addr(), siege.stats());
    let crowd = attack(move || {
        for _ in 0..CONNECTIONS / AT_ONCE {
            let open: Vec<_> = (0..AT_ONCE).map(|_| dial(to)).collect();
            open.iter().for_each(until_closed);
        }
    });
    siege.calls_go_on().await;
    crowd.await.expect("none of them is held for ever");
    siege
        .until("each is counted: it was one too many, or it said nothing", |siege| {
            let now = siege.stats();
            let (turned_away, broken) =
                (now.turned_away - before.turned_away, now.broken_connections - before.broken_connections);
            turned_away > 0 && broken > 0 && turned_away + broken >= CONNECTIONS
        })
        .await;
    siege.end("2,000 half-open connections", 16 << 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_send_a_byte_now_and_then() {
    let mut siege = Siege::begin("adversary-trickle", Some(SECRET), hasty()).await;
    let (to, before) = (siege.target().local_addr(), siege.stats());
    let slow = attack(move || {
        let open: Vec<_> = (0..32).map(|_| dial(to)).collect();
        let hail = b"locked\xa7\x01";
        let mut alive = open.len();
        for i in 0..200 {
            // A closed one says so when it is written to.
            alive = open.iter().filter(|stream| (&mut &**stream).write_all(&hail[i % 8..=i % 8]).is_ok()).count();
            if alive == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(alive, 0, "they are held for ever");
    });
    siege.calls_go_on().await;
    slow.await.expect("they are closed");
    siege
        .until("they are counted", |siege| {
            // On a busy machine all that they have to say may come before their time is over: then they say that they have a secret.
            let refused = |stats: &Stats| stats.broken_connections + stats.refused_connections + stats.refused_nodes;
            refused(&siege.stats()) - refused(&before) >= 32
        })
        .await;
    siege.end("connections that send a byte now and then", 8 << 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_of_four_gibibytes() {
    let mut siege = Siege::begin("adversary-lengths", None, patient()).await;
    let (to, before) = (siege.target().local_addr(), siege.stats().broken_connections);
    let greedy = attack(move || {
        // The hello's kind, one of a member's, and one that nobody sends.
        for kind in [0, 16, 255] {
            for _ in blows(50, 1_000) {
                let mut stream = dial(to);
                let header = Header { body_bytes: u32::MAX, kind, head: [0; 24] }.encode();
                stream.write_all(&header).expect("it is open");
                // It may be closed by now.
                let _ = stream.write_all(&[7; 64 << 10]);
                until_closed(&stream);
            }
        }
    });
    siege.calls_go_on().await;
    greedy.await.expect("they are closed");
    siege.until("they are counted", |siege| siege.stats().broken_connections >= before + 150).await;
    siege.end("lengths of 4 GiB", 8 << 20).await;
}
