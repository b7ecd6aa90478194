//! The program against a node. CI has built it before as it is meant, without what nodes need, and says so by `TEST_CLIENT`; else it is the
//! program of this build, which has all that others in the workspace want.

use client_tests as _;
use swarm::prelude::*;
use tokio::process::Command;

#[tokio::test]
async fn a_program_without_nodes_does_all_that_clients_can() {
    let swarm = Swarm::builder()
        .cluster("client-tests")
        .discovery(Seeds::new([""; 0]))
        .secret("q1Zr5WcVx0bJtD8eYkN2uA==")
        .gateway("127.0.0.1:0")
        .start()
        .await
        .expect("a node on loopback starts");
    let lean = std::env::var_os("TEST_CLIENT");
    let program = lean.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_client-tests").into());
    let gateway = swarm.gateway().expect("it was asked for");
    let output = Command::new(program).arg(gateway.to_string()).output().await.expect("it was built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let could_run = if lean.is_some() { "0\n" } else { "1\n" };
    assert_eq!(String::from_utf8_lossy(&output.stdout), could_run);
    swarm.leave().await.expect("nobody else is there");
}
