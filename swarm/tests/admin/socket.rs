//! The socket of a node: who may use it, and what becomes of it.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use swarm::admin::{Client, ClientError, Endpoint};
use swarm::{Admin, StartError};

use super::fixture::{Dir, builder, client, socket_of, until};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_its_users_alone_and_goes_with_the_node() {
    let dir = Dir::new();
    let path = dir.join("one");
    let one = builder("socket", &[]).admin(Admin::unix(&path)).start().await.expect("a node starts");
    assert_eq!(one.admin(), Some(Endpoint::Unix(path.clone())));
    let made = path.symlink_metadata().expect("it is there");
    assert!(made.file_type().is_socket());
    assert_eq!(made.permissions().mode() & 0o777, 0o600);
    let operator = client(&one).await;
    one.leave().await.expect("it leaves in good order");
    until("it is gone", &one, async || !path.exists()).await;
    let after = operator.status().await;
    assert!(matches!(after, Err(ClientError::Lost(_))), "its connections end with it: {after:?}");
    let late = Client::connect(&Endpoint::Unix(path)).await.expect_err("there is nobody");
    assert!(late.to_string().contains("there is no such socket: does a node run here"), "{late}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_a_dead_node_has_left_is_replaced_and_a_live_one_is_an_error() {
    let dir = Dir::new();
    let path = dir.join("one");
    // Whoever dies leaves the file behind, as a listener does that is only dropped.
    drop(UnixListener::bind(&path).expect("a new socket"));
    assert!(path.exists());
    let stale = Client::connect(&Endpoint::Unix(path.clone())).await.expect_err("nobody listens");
    assert!(stale.to_string().contains("nobody listens there any more"), "{stale}");
    let one = builder("socket-stale", &[]).admin(Admin::unix(&path)).start().await.expect("it is replaced");
    client(&one).await;

    let second = builder("socket-stale-2", &[]).admin(Admin::unix(&path)).start().await;
    let error = second.expect_err("the first lives");
    assert!(matches!(error, StartError::Admin { .. }), "{error:?}");
    assert!(error.to_string().ends_with("is the socket of a process that lives: stop it, or name another path"));
    client(&one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_ever_removed() {
    let dir = Dir::new();
    let path = dir.join("precious");
    std::fs::write(&path, "data").expect("a new file");
    let error = builder("socket-file", &[]).admin(Admin::unix(&path)).start().await.expect_err("it is no socket");
    assert!(error.to_string().contains("is there and is no socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "data");

    // A node whose socket was taken over by another leaves that one's alone.
    let path = dir.join("one");
    let one = builder("socket-taken", &[]).admin(Admin::unix(&path)).start().await.expect("a node starts");
    std::fs::remove_file(&path).expect("it is there");
    let two = builder("socket-taken-2", &[]).admin(Admin::unix(&path)).start().await.expect("nobody is there");
    let left = client(&one).await;
    drop(left);
    one.leave().await.expect("it leaves in good order");
    // It is gone when its own operators are, and the other's socket is there still.
    client(&two).await;
    assert!(path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_cannot_be_is_said() {
    let dir = Dir::new();
    for path in [dir.join("none").join("one"), dir.join(&"x".repeat(120))] {
        let error = builder("socket-bad", &[]).admin(Admin::unix(path)).start().await.expect_err("it cannot be made");
        assert!(error.to_string().starts_with("operators cannot be served: "), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_tcp_a_loopback_address_is_served_without_a_secret() {
    let local = Admin::tcp("127.0.0.1:0".parse().expect("an address"));
    let one = builder("socket-tcp", &[]).admin(local).start().await.expect("a node starts");
    assert!(matches!(one.admin(), Some(Endpoint::Tcp(addr)) if addr.port() != 0));
    assert_eq!(client(&one).await.status().await.expect("it answers").nodes, 1);
}

#[test]
fn a_runtime_without_io_is_said() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let dir = Dir::new();
    let error = runtime.block_on(async {
        builder("socket-io", &[]).admin(Admin::unix(dir.join("one"))).start().await.expect_err("it cannot be served")
    });
    assert!(error.to_string().contains("build it with `enable_all`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_operators_are_turned_away_and_not_kept_waiting() {
    let dir = Dir::new();
    let one = builder("socket-crowd", &[]).admin(Admin::unix(dir.join("one"))).start().await.expect("a node starts");
    let endpoint = Endpoint::Unix(socket_of(&one));
    let mut crowd = Vec::new();
    let turned_away = loop {
        match Client::connect(&endpoint).await {
            Ok(operator) => crowd.push(operator),
            Err(error) => break error,
        }
        assert!(crowd.len() < 1000, "there is a limit");
    };
    assert_eq!(crowd.len(), 64);
    assert!(matches!(turned_away, ClientError::Foreign { .. } | ClientError::Lost(_)), "{turned_away:?}");
    crowd.pop();
    let mut again = None;
    until("there is room again", &one, async || {
        again = Client::connect(&endpoint).await.ok();
        again.is_some()
    })
    .await;
    assert_eq!(crowd[0].status().await.expect("it answers").nodes, 1);
}
