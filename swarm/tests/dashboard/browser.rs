//! A real browser looks at the dashboard of a cluster of real nodes: Chromium without a screen, driven by the scripts in `browser`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use swarm::prelude::*;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::fixture::{Audited, TOKEN, TallyClient, addr, meet, node, register};

/// What a browser may take for all of it on a machine that does other work as well.
const VISIT_MAX: Duration = Duration::from_secs(300);

/// Where Debian has it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// A name that would be a program, were it not a text.
const HOSTILE: &str = "<img src=x onerror=alert(1)>";

/// Where the packages of npm are: `TEST_PLAYWRIGHT`, or where `.ci/run` puts them.
fn packages() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target directory");
    let own = target.join("playwright/node_modules");
    std::env::var_os("TEST_PLAYWRIGHT").map_or(own, PathBuf::from)
}

/// Whether what is needed is here. Where it is not, the test is skipped, and says so; if `TEST_BROWSER=required`, as in CI, that is a panic.
async fn is_here(packages: &Path) -> bool {
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    let missing = [
        (!Path::new(CHROMIUM).exists(), "Chromium (Debian's package chromium)"),
        (!node.is_ok_and(|status| status.success()), "node (Debian's package nodejs)"),
        (
            !packages.join("playwright-core/index.mjs").exists() || !packages.join("axe-core/axe.min.js").exists(),
            "playwright-core or axe-core (npm install --prefix target/playwright playwright-core axe-core)",
        ),
    ];
    let missing: Vec<_> = missing.into_iter().filter_map(|(missing, what)| missing.then_some(what)).collect();
    if missing.is_empty() {
        return true;
    }
    let text = format!("{} is not here", missing.join(", "));
    assert!(
        !std::env::var("TEST_BROWSER").is_ok_and(|word| word == "required"),
        "{text}, and TEST_BROWSER says that it must be"
    );
    println!("SKIPPED: {text}");
    false
}

/// Five nodes, with workers that are called.
async fn cluster(name: &str) -> (Swarm, Vec<Swarm>) {
    let one = node(name, &[]).await;
    let mut others = Vec::new();
    for _ in 0..4 {
        others.push(node(name, &[&one]).await);
    }
    meet(&[&one, &others[0], &others[1], &others[2], &others[3]]).await;
    register(&one, "acct/", 300).await;
    for n in 0..7 {
        swarm::group::<Audited>().on(&one).join(format!("acct/{n:04}")).await.expect("it joins");
    }
    (one, others)
}

/// Has a script do what it does at the dashboard of this node, until it ends. When it says `kill` the victim is ended.
async fn drive(script: &str, packages: &Path, at: &Swarm, more: &[String], mut victim: Option<Swarm>) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboard/browser");
    let mut visit = Command::new("node")
        .arg(scripts.join(script))
        .env("PACKAGES", packages)
        .env("CHROMIUM", CHROMIUM)
        .env("PICTURES", env!("CARGO_TARGET_TMPDIR"))
        .args([format!("http://{}", addr(at)), TOKEN.to_owned()])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is here");
    let mut stdin = visit.stdin.take().expect("it is piped");
    let mut lines = BufReader::new(visit.stdout.take().expect("it is piped")).lines();
    let calling = tokio::spawn(call(at.clone()));
    let visited = async {
        while let Some(line) = lines.next_line().await.expect("it writes text") {
            println!("{line}");
            if line == "kill" {
                // The last handle on a node stops it at once, as a crash would.
                drop(victim.take());
                stdin.write_all(b"done\n").await.expect("it reads");
            }
        }
        visit.wait().await.expect("it ends")
    };
    let ended = tokio::time::timeout(VISIT_MAX, visited).await.expect("the visit ends in time");
    calling.abort();
    assert!(ended.success(), "{ended}: see above");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit() {
    let packages = packages();
    if !is_here(&packages).await {
        return;
    }
    let (one, mut others) = cluster("visit").await;
    TallyClient::register(HOSTILE, ()).on(&one).await.expect("the name is free");
    let victim = others.pop().expect("there are four");
    let more = [victim.node().to_string(), others[0].node().to_string(), HOSTILE.to_owned()];
    drive("visit.mjs", &packages, &one, &more, Some(victim)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_by_keyboard_and_by_ear() {
    let packages = packages();
    if !is_here(&packages).await {
        return;
    }
    let (one, others) = cluster("access").await;
    drive("access.mjs", &packages, &one, &[others[0].node().to_string()], None).await;
}

/// So that there is something to be seen.
async fn call(swarm: Swarm) {
    let mut turns = tokio::time::interval(Duration::from_millis(10));
    for n in 0.. {
        turns.tick().await;
        // Of a node that was lost some calls fail.
        let _ = TallyClient::at(format!("acct/{:04}", n % 300)).on(&swarm).hit().await;
    }
}
