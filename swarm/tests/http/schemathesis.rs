//! A real client of OpenAPI documents asks a cluster all that its document allows, and much that it does not.

use std::process::Stdio;

use swarm::Http;
use tokio::process::Command;

use super::fixture::{AccountClient, at, patient};
use swarm::prelude::*;

/// Whether Schemathesis is here. Where it is not, the test is skipped, and says so; if `TEST_SCHEMATHESIS=required`, as in CI, that is a panic.
async fn is_here() -> bool {
    let found =
        Command::new("schemathesis").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    let required = std::env::var("TEST_SCHEMATHESIS").is_ok_and(|word| word == "required");
    assert!(
        !required,
        "`schemathesis` cannot be run, and TEST_SCHEMATHESIS says that it must be: pip install schemathesis"
    );
    println!("SKIPPED: `schemathesis` is not here (pip has it)");
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_wrong() {
    const TOKEN: &str = "a token of some bytes";
    if !is_here().await {
        return;
    }
    let node = |seeds: Vec<String>| {
        let builder = Swarm::builder().cluster("http-schemathesis").discovery(Seeds::new(seeds)).config(patient());
        builder.http(Http::at("127.0.0.1:0").token(TOKEN)).start()
    };
    let one = node(Vec::new()).await.expect("a node starts");
    let two = node(vec![one.local_addr().to_string()]).await.expect("a node starts");
    AccountClient::register("a", 5).on(&two).await.expect("it starts");
    let dir = std::env::temp_dir().join(format!("swarm-schemathesis-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("there is a directory for temporary files");
    let mut command = Command::new("schemathesis");
    command.current_dir(&dir).args(["run", &format!("http://{}/openapi.json", at(&one))]);
    command.args(["-H", &format!("Authorization: Bearer {TOKEN}"), "--seed", "1", "--max-examples", "10"]);
    // A time that is too short is a problem of the client's own.
    command.args(["-H", "Request-Timeout: 20"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--no-shrink", "--continue-on-failure", "--no-color"]);
    let said = command.output().await.expect("it is here");
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    std::fs::remove_dir_all(&dir).expect("it is ours");
    assert!(said.status.success(), "{}: {text}", said.status);
}
