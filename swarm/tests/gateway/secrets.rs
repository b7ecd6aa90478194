//! Who may come in, and what is seen of it from outside.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use swarm::prelude::*;
use swarm::remote::{Client, ConnectError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::{Account, AccountClient, builder, gateway};

const SECRET: &str = "q1Zr5WcVx0bJtD8eYkN2uA==";
const OTHER: &str = "0f3yHn7pQz8kLw2vBx5RtA==";

/// Passes everything on to an address, and keeps what the program and the gateway have said.
async fn overheard(to: String) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let addr = listener.local_addr().expect("it has an address");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    tokio::spawn(async move {
        while let Ok((program, _)) = listener.accept().await {
            let node = TcpStream::connect(&to).await.expect("the gateway is there");
            let ((from_program, to_program), (from_node, to_node)) = (program.into_split(), node.into_split());
            tokio::spawn(pass(from_program, to_node, kept.clone()));
            tokio::spawn(pass(from_node, to_program, kept.clone()));
        }
    });
    (addr, heard)
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    kept: Arc<Mutex<Vec<u8>>>,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.lock().expect("nobody panics with it").extend_from_slice(&buffer[..read]);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

fn contains(heard: &Mutex<Vec<u8>>, text: &str) -> bool {
    heard.lock().expect("nobody panics with it").windows(text.len()).any(|part| part == text.as_bytes())
}

/// What a program asks here: a name that is told apart, and messages and replies that need many records.
async fn converse(remote: &Client, name: &str) {
    AccountClient::register(name, 5).on(remote).await.expect("the name is free");
    let account = remote.at::<Account>(name);
    assert_eq!(account.take(vec![7; 3_000_000]).await, Ok(3_000_000));
    assert_eq!(account.give(3_000_000).await.map(|bytes| bytes.len()), Ok(3_000_000));
    let sums: Vec<_> = (0..50).map(|_| tokio::spawn(account.deposit(1))).collect();
    for sum in sums {
        assert!(sum.await.expect("it does not panic").is_ok());
    }
    assert_eq!(account.balance().await, Ok(55));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_secret_all_is_possible_and_nothing_is_overheard() {
    let node = builder("gateway-secret", &[]).secret(SECRET).start().await.expect("a node starts");
    let (addr, heard) = overheard(gateway(&node)).await;
    let remote = Client::builder().secret(SECRET).connect([addr.to_string()]).await.expect("it is let in");
    converse(&remote, "a name that nobody else has").await;
    assert!(heard.lock().expect("nobody panics with it").len() > 6_000_000);
    for text in ["a name that nobody else has", "register", "Account", "payload"] {
        assert!(!contains(&heard, text), "{text}");
    }
}

/// That the test above would hear something if there were something to hear.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_everything_is_overheard() {
    let node = builder("gateway-open", &[]).start().await.expect("a node starts");
    let (addr, heard) = overheard(gateway(&node)).await;
    let remote = Client::connect([addr.to_string()]).await.expect("it is let in");
    converse(&remote, "a name that nobody else has").await;
    assert!(contains(&heard, "a name that nobody else has") && contains(&heard, "Account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_another_secret_or_none_is_refused_and_told_why() {
    let closed = builder("gateway-closed", &[]).secret(SECRET).start().await.expect("a node starts");
    let open = builder("gateway-opened", &[]).start().await.expect("a node starts");
    let refused = async |secret: Option<&str>, node: &Swarm| {
        let builder = secret.map_or_else(Client::builder, |secret| Client::builder().secret(secret));
        let error = builder.connect([gateway(node)]).await.expect_err("it is refused");
        let ConnectError::Unreachable(text) = error else { panic!("{error:?}") };
        text
    };
    let other = refused(Some(OTHER), &closed).await;
    assert!(other.contains("the other end has another secret") && other.contains("give this program"), "{other}");
    let none = refused(None, &closed).await;
    assert!(none.contains("does its cluster have a secret, which this program must then be given"), "{none}");
    let only = refused(Some(SECRET), &open).await;
    assert!(only.contains("does its cluster have a secret as this program has?"), "{only}");
    let short = Client::builder().secret("short").connect([gateway(&open)]).await.expect_err("it can be guessed");
    assert!(matches!(short, ConnectError::Secret(_)), "{short:?}");
    // Neither node has suffered from it.
    assert!(Client::builder().secret(SECRET).connect([gateway(&closed)]).await.is_ok());
    assert!(Client::connect([gateway(&open)]).await.is_ok());
}

/// A program that holds the next secret already, or still the last, is let in while the node understands it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_secret_is_a_change_for_programs_too() {
    let node = builder("gateway-keys", &[]).secret(SECRET).start().await.expect("a node starts");
    let old = node.keys().ids()[0];
    let remote = Client::builder().secret(SECRET).connect([gateway(&node)]).await.expect("it is let in");
    let new = node.keys().add(OTHER).expect("there is room");
    node.keys().use_key(new).expect("it is there");
    assert!(Client::builder().secret(SECRET).connect([gateway(&node)]).await.is_ok());
    node.keys().remove(old).expect("it is not in use");
    assert!(Client::builder().secret(SECRET).connect([gateway(&node)]).await.is_err());
    assert!(Client::builder().secret(OTHER).connect([gateway(&node)]).await.is_ok());
    // Who is connected stays so.
    assert_eq!(remote.whereis("a").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_other_machines_do_not_reach_a_gateway_unless_that_is_accepted() {
    let exposed = builder("gateway-exposed", &[]).gateway("0.0.0.0:0").start().await.expect_err("anybody could come");
    assert!(matches!(exposed, StartError::NoSecret { .. }), "{exposed:?}");
    let bad = builder("gateway-exposed", &[]).gateway("nonsense").start().await.expect_err("it is no address");
    assert!(bad.to_string().contains("gateway `nonsense` is not an address"), "{bad}");
    let node = builder("gateway-exposed", &[]).start().await.expect("a node starts");
    let taken = builder("gateway-exposed", &[&node]).gateway(gateway(&node)).start().await.expect_err("it is taken");
    assert!(matches!(&taken, StartError::Gateway { problem } if problem.contains(&gateway(&node))), "{taken:?}");
}
