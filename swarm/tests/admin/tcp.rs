//! Operators who come by TCP: with the cluster's secret, from anywhere, and never unencrypted but from this machine.

use swarm::admin::{Client, ClientError, Endpoint};
use swarm::{Admin, Swarm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixture::{Dir, PATIENCE, builder, client, until};

const SECRET: &str = "a secret of operators";

async fn node(cluster: &str, dir: &Dir) -> Swarm {
    let admin = Admin::unix(dir.join("one")).and_tcp("127.0.0.1:0".parse().expect("an address"));
    builder(cluster, &[]).secret(SECRET).admin(admin).start().await.expect("a node starts")
}

fn at(node: &Swarm) -> Endpoint {
    Endpoint::Tcp(node.admin_tcp().expect("it serves operators by TCP"))
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_the_secret_is_answered_by_both_ways() {
    let dir = Dir::new();
    let one = node("tcp-secret", &dir).await;
    assert_eq!(client(&one).await.status().await.expect("it answers").nodes, 1);
    let operator = Client::dialler().secret(SECRET).timeout(PATIENCE).connect(&at(&one)).await.expect("it is let in");
    assert_eq!(operator.status().await.expect("it answers").cluster, "tcp-secret");
    // As by the socket, what was added there counts here.
    let added = operator.add_key("another secret of operators").await.expect("it is a good one");
    let by_new = Client::dialler().secret("another secret of operators").connect(&at(&one)).await;
    assert_eq!(by_new.expect("it is let in").keys().await.expect("it answers").nodes[0].keys[1], added.id);
    one.leave().await.expect("it leaves in good order");
    until("its connections end with it", &one, async || matches!(operator.status().await, Err(ClientError::Lost(_))))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_it_is_told_so() {
    let dir = Dir::new();
    let one = node("tcp-stranger", &dir).await;
    let wrong = Client::dialler().secret("some other long secret").timeout(PATIENCE).connect(&at(&one)).await;
    let wrong = wrong.expect_err("it is the wrong one");
    assert!(matches!(wrong, ClientError::Unreachable { .. }), "{wrong:?}");
    assert!(wrong.to_string().contains("give this program the secret of the cluster"), "{wrong}");
    let none = Client::dialler().timeout(PATIENCE).connect(&at(&one)).await.expect_err("there is none");
    assert!(none.to_string().contains("or its cluster has a secret, which was not given"), "{none}");
    let short = Client::dialler().secret("short").connect(&at(&one)).await.expect_err("it can be guessed");
    assert!(matches!(short, ClientError::Secret(_)), "{short:?}");

    // A node without a secret cannot be spoken to with one.
    let open = Admin::tcp("127.0.0.1:0".parse().expect("an address"));
    let open = builder("tcp-open", &[]).admin(open).start().await.expect("a node starts");
    let error = Client::dialler().secret(SECRET).timeout(PATIENCE).connect(&at(&open)).await.expect_err("it has none");
    assert!(error.to_string().contains("has its cluster the secret that this program has?"), "{error}");
    Client::dialler().connect(&at(&open)).await.expect("from this machine it needs none");
}

/// Whoever connects and says nothing, or nonsense, keeps nobody out.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_take_no_place_of_those_who_know_the_secret() {
    let dir = Dir::new();
    let one = node("tcp-strangers", &dir).await;
    let addr = one.admin_tcp().expect("it serves operators by TCP");
    let mut mute = Vec::new();
    for _ in 0..8 {
        mute.push(TcpStream::connect(addr).await.expect("it listens"));
    }
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 300], &[0; 300]] {
        let mut stream = TcpStream::connect(addr).await.expect("it listens");
        stream.write_all(nonsense).await.expect("it listens");
        let mut said = Vec::new();
        // It may be reset, since not all was read.
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("it is hung up on");
        assert!(said.len() <= 64, "a stranger learns nothing: {said:?}");
    }
    let operator = Client::dialler().secret(SECRET).timeout(PATIENCE).connect(&at(&one)).await.expect("it is let in");
    assert_eq!(operator.status().await.expect("it answers").nodes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_served_unencrypted_to_other_machines() {
    let anywhere = "0.0.0.0:0".parse().expect("an address");
    let dir = Dir::new();
    for admin in [Admin::tcp(anywhere), Admin::unix(dir.join("one")).and_tcp(anywhere)] {
        let error = builder("tcp-open", &[]).insecure().admin(admin).start().await.expect_err("others could reach it");
        assert!(error.to_string().contains("the cluster has no secret that operators could be asked for"), "{error}");
    }
    let sealed = builder("tcp-sealed", &[]).secret(SECRET).admin(Admin::tcp(anywhere)).start().await;
    let sealed = sealed.expect("with a secret it may be");
    let addr = sealed.admin_tcp().expect("it serves operators by TCP");
    assert_eq!(sealed.admin(), Some(Endpoint::Tcp(addr)));
}
