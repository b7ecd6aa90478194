//! A real Prometheus, with its tools, reads a node's page.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use swarm::prelude::*;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use super::dashboard::Dashboard;
use super::fixture::{PATIENCE, TillClient, addr, exchange, node, scrape};

/// Whether this program is here. Where it is not, the test is skipped, and says so; if `TEST_PROMETHEUS=required`, as in CI, that is a panic.
async fn is_here(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    let required = std::env::var("TEST_PROMETHEUS").is_ok_and(|word| word == "required");
    assert!(!required, "`{program}` cannot be run, and TEST_PROMETHEUS says that it must be: install prometheus");
    println!("SKIPPED: `{program}` is not here (Debian's package prometheus has it)");
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_wrong() {
    if !is_here("promtool").await {
        return;
    }
    let node = node("programs-promtool", &[]).await;
    TillClient::register("till/1", ()).on(&node).await.expect("the name is free");
    TillClient::at("till/1").on(&node).pay(1).await.expect("it pays");
    let page = scrape(&node).await;
    let mut command = Command::new("promtool");
    let command =
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = command.spawn().expect("it is here");
    let mut stdin = promtool.stdin.take().expect("it is piped");
    stdin.write_all(page.text().as_bytes()).await.expect("it reads");
    drop(stdin);
    let said = promtool.wait_with_output().await.expect("it ends");
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    assert!(said.status.success() && text.is_empty(), "{}: {text}", said.status);
}

/// A Prometheus that scrapes some pages; it ends with the test, and what it has written goes.
struct Prometheus {
    child: Child,
    dir: PathBuf,
    addr: SocketAddr,
}

impl Prometheus {
    async fn start(pages: &[SocketAddr]) -> Self {
        let dir = std::env::temp_dir().join(format!("swarm-prometheus-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("there is a directory for temporary files");
        let pages: Vec<String> = pages.iter().map(|page| format!("'{page}'")).collect();
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\n\
             scrape_configs: [{{ job_name: swarm, static_configs: [{{ targets: [{}] }}] }}]\n",
            pages.join(", ")
        );
        fs::write(dir.join("prometheus.yml"), config).expect("it is ours");
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"]);
        let log = fs::File::create(dir.join("log")).expect("it is ours");
        let child = command.current_dir(&dir).stdout(Stdio::null()).stderr(log).kill_on_drop(true).spawn();
        let child = child.expect("it is here");
        let mut prometheus = Self { child, dir, addr: ([127, 0, 0, 1], 0).into() };
        prometheus.addr = prometheus.until("it listens", async |prometheus| prometheus.listens().ok().flatten()).await;
        let ready = async |prometheus: &Self| {
            let told =
                exchange(prometheus.addr, b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
            told.starts_with("HTTP/1.1 200 ").then_some(())
        };
        prometheus.until("it is ready", ready).await;
        prometheus
    }

    /// Where it listens. It was told to take any free port, and does not say which.
    fn listens(&self) -> io::Result<Option<SocketAddr>> {
        let Some(pid) = self.child.id() else { return Ok(None) };
        let mut sockets = Vec::new();
        for fd in fs::read_dir(format!("/proc/{pid}/fd"))? {
            let Ok(target) = fs::read_link(fd?.path()) else { continue };
            let target = target.to_string_lossy().into_owned();
            sockets.extend(target.strip_prefix("socket:[").and_then(|inode| Some(inode.strip_suffix(']')?.to_owned())));
        }
        let table = fs::read_to_string(format!("/proc/{pid}/net/tcp"))?;
        let mut listeners = table.lines().skip(1).filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // The state is that of a listener, and the socket is one of its own.
            let is_its =
                words.get(3) == Some(&"0A") && sockets.iter().any(|inode| words.get(9) == Some(&inode.as_str()));
            let port = words.get(1)?.rsplit(':').next()?;
            is_its.then(|| u16::from_str_radix(port, 16).ok()).flatten()
        });
        Ok(listeners.next().map(|port| ([127, 0, 0, 1], port).into()))
    }

    /// The result of a query, as data.
    async fn query(&self, query: &str) -> Vec<Value> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = format!("GET /api/v1/query?query={escaped} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let told = exchange(self.addr, request.as_bytes()).await;
        let (_, body) = told.split_once("\r\n\r\n").expect("there is a head");
        // It comes in one piece, or in chunks that begin with their length: the answer is what stands in braces.
        let (begin, end) = (body.find('{').expect("there is an object"), body.rfind('}').expect("it ends"));
        let whole: String = dechunked(&body[begin..=end]);
        let answer: Value = serde_json::from_str(&whole).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}")).clone()
    }

    /// The only number that a query results in.
    async fn number(&self, query: &str) -> Option<f64> {
        let result = self.query(query).await;
        let [only] = &result[..] else { return None };
        only["value"][1].as_str()?.parse().ok()
    }

    /// Waits for something that it does in its own time.
    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(tokio::time::Instant::now() < end, "not in time: {what}\n{}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A body without the lines that say how long its chunks are: none of the answers' own lines is so short.
fn dechunked(body: &str) -> String {
    let is_length = |line: &&str| line.len() <= 8 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    body.split("\r\n").filter(|line| !is_length(line)).collect()
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It is killed when it is dropped; what it may still write is left to the system.
        let _ = self.child.start_kill();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_scrapes_two_nodes_and_answers_the_dashboard() {
    if !is_here("prometheus").await {
        return;
    }
    let one = node("programs-scrape", &[]).await;
    for i in 0..40 {
        TillClient::register(format!("till/{i}"), ()).on(&one).await.expect("the name is free");
    }
    let other = node("programs-scrape", &[&one]).await;
    let prometheus = Prometheus::start(&[addr(&one), addr(&other)]).await;
    for i in 0..40 {
        TillClient::at(format!("till/{i}")).on(&one).pay(1).await.expect("it pays");
    }
    let is = async |query: &str, expected: f64| {
        prometheus
            .until(query, async |prometheus| prometheus.number(query).await.filter(|number| *number == expected))
            .await;
    };
    is("sum(up)", 2.0).await;
    is("sum(swarm_workers{worker=\"Till\"})", 40.0).await;
    is("min(swarm_members)", 2.0).await;
    is("sum(swarm_calls_total{outcome=\"ok\"})", 40.0).await;
    is("sum(swarm_handoffs_total{direction=\"in\"}) - sum(swarm_handoffs_total{direction=\"out\"})", 0.0).await;
    is("count(swarm_build_info)", 2.0).await;
    let me = one.local_addr();
    is(&format!("swarm_calls_total{{node=\"{me}\",worker=\"Till\",outcome=\"ok\"}}"), 40.0).await;
    // Two scrapes make a rate. When there is one of failed calls, it can answer whatever a dashboard asks.
    TillClient::at("till/0").on(&one).jam().await.expect_err("it panics");
    let failed = "sum(rate(swarm_calls_total{outcome!=\"ok\"}[1m]))";
    prometheus.until(failed, async |prometheus| prometheus.number(failed).await).await;
    for query in Dashboard::read().queries() {
        let result = prometheus.query(&query).await;
        assert!(!result.is_empty(), "{query} has no result");
    }
}
