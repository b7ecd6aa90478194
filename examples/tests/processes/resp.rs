//! The store as Redis clients see it: on one node, while nodes leave, and after one is killed.

use std::time::{Duration, Instant};

use crate::process::Process;
use crate::redis::{self, Client, Reply};

/// What the cluster is awaited to do takes a second or a few; this is for a machine that is busy with something else.
const HOLDS_WITHIN: Duration = Duration::from_secs(60);
/// The pause between two looks at what several processes come to.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Requests of one test of a benchmark: whole pipelines of 16, and enough that a node leaves meanwhile.
const REQUESTS: u64 = 64_000;
/// Keys enough that each of a few nodes gets some.
const KEYS: usize = 60;

struct Node {
    id: String,
    port: u16,
    process: Process,
}

impl Node {
    fn start(cluster: &str, seed: Option<&Self>, linger: &str) -> Self {
        // A node that knows nobody seeks itself, and not the networks of this machine.
        let seed = seed.map_or("127.0.0.1:1", |node| node.id.split('#').next().unwrap_or_default());
        let words = ["--port", "0", "--cluster", cluster, "--seed", seed, "--linger", linger];
        let process = Process::start(None, env!("CARGO_BIN_EXE_resp"), &words);
        let up = process.line();
        let (id, addr) = up.strip_prefix("up ").and_then(|up| up.split_once(" redis ")).expect("it says that it is up");
        let port = addr.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address has a port");
        Self { id: id.to_owned(), port, process }
    }

    fn client(&self) -> Client {
        Client::connect(self.port)
    }
}

/// A cluster of nodes that have found each other.
fn cluster(name: &str, nodes: usize, linger: &str) -> Vec<Node> {
    let mut all = vec![Node::start(name, None, linger)];
    for _ in 1..nodes {
        all.push(Node::start(name, all.first(), linger));
    }
    for node in &all {
        until(&mut node.client(), "all nodes", |client| client.info("swarm_nodes") == nodes as u64);
    }
    all
}

#[track_caller]
fn until(client: &mut Client, what: &str, mut holds: impl FnMut(&mut Client) -> bool) {
    let began = Instant::now();
    while !holds(client) {
        assert!(began.elapsed() < HOLDS_WITHIN, "there was never {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

fn key(number: usize) -> String {
    format!("key/{number}")
}

/// What is asked of all keys at once.
#[track_caller]
fn all_values(client: &mut Client, keys: &[String]) -> Vec<Reply> {
    let words: Vec<&str> = std::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
    let Reply::Array(values) = client.ask(&words) else { panic!("MGET lists values") };
    values
}

/// The sum of what `redis-benchmark -t incr -r KEYS` has counted.
#[track_caller]
fn counted(client: &mut Client) -> u64 {
    let keys: Vec<_> = (0..KEYS).map(|number| format!("counter:{number:012}")).collect();
    let number = |value: &Reply| value.text().parse::<u64>().unwrap_or(0);
    all_values(client, &keys).iter().map(number).sum()
}

#[test]
fn redis_cli_sees_what_redis_documents() {
    if !redis::is_here() {
        return;
    }
    let nodes = cluster("cli", 2, "10");
    let lines = "\
get k\nset k 1\nincr k\nincrby k 40\ndecrby k 2\ndecr k\nget k\nset k text\nincr k\nset k v nx\nset k v2 xx get\n\
mget k nope k\nexists k k nope\nttl k\nttl nope\nexpire k 100\nttl k\nset k v keepttl\nttl k\nset k v\nttl k\n\
pexpire k 0\nexists k\nset a 1 ex 100\nset b 2\ndel a b c\nset n 9223372036854775807\nincr n\nselect 0\nselect 1\n\
ping\nping hello\necho \"two words\"\nset k\nset k v ex 0\nconfig get databases\nflushall\nlpush k v\n";
    let expected = "\n\
OK\n2\n42\n40\n39\n39\nOK\nERR value is not an integer or out of range\n\n\ntext\nv2\n\nv2\n2\n-1\n-2\n1\n100\nOK\n100\nOK\n-1\n\
1\n0\nOK\nOK\n2\nOK\nERR increment or decrement would overflow\n\nOK\nERR DB index is out of range\n\n\
PONG\nhello\ntwo words\nERR wrong number of arguments for 'set' command\n\nERR invalid expire time in 'set' command\n\n\
databases\n1\nERR unknown command 'flushall', with args beginning with: \n\n\
ERR unknown command 'lpush', with args beginning with: 'k' 'v' \n\n";
    for node in &nodes {
        assert_eq!(redis::cli(node.port, lines), expected);
        node.client().ask(&["DEL", "k", "n"]);
    }
}

#[test]
fn what_cannot_be_understood_ends_the_connection_after_what_could() {
    let nodes = cluster("broken", 1, "10");
    let end_of = |bytes: &[u8]| {
        let mut client = nodes[0].client();
        client.send(bytes);
        client.rest()
    };
    let sent = b"SET k v\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$x\r\nGET k\r\n";
    assert_eq!(end_of(sent), "+OK\r\n$1\r\nv\r\n-ERR Protocol error: invalid bulk length\r\n");
    assert_eq!(end_of(b"PING\r\nQUIT\r\nDEL k\r\n"), "+PONG\r\n+OK\r\n");
    assert_eq!(end_of(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nDEL k\r\n"), "");
    assert_eq!(end_of(&[b'a'; 70_000]), "-ERR Protocol error: too big inline request\r\n");
    let mut client = nodes[0].client();
    assert_eq!(client.ask(&["GET", "k"]), Reply::Bulk("v".into()));
    for byte in b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n" {
        client.send(&[*byte]);
    }
    assert_eq!(client.reply(), Reply::Simple("OK".into()));
    assert_eq!(client.ask(&["GET", "k"]), Reply::Bulk("\r\n".into()));
}

#[test]
fn the_longest_values_are_kept_by_any_node_and_told_in_parts() {
    let nodes = cluster("long", 2, "10");
    let mut client = nodes[0].client();
    let value = "v".repeat(1 << 20);
    let keys: Vec<String> = (0..3).map(key).collect();
    for key in &keys {
        assert_eq!(client.ask(&["SET", key, &value]), Reply::Simple("OK".into()));
    }
    // Two answers of one key do not travel together.
    let twice = [keys.clone(), keys].concat();
    assert!(all_values(&mut client, &twice) == vec![Reply::Bulk(value); 6]);
}

#[test]
fn who_asks_for_too_much_at_once_is_cut_off() {
    let nodes = cluster("greedy", 1, "10");
    let mut client = nodes[0].client();
    assert_eq!(client.ask(&["SET", "k", &"v".repeat(1 << 20)]), Reply::Simple("OK".into()));
    client.send(("MGET".to_owned() + &" k".repeat(65) + "\r\n").as_bytes());
    assert_eq!(client.rest(), "");
    assert_eq!(nodes[0].client().ask(&["EXISTS", "k"]), Reply::Number(1));
}

#[test]
fn a_key_without_a_value_costs_no_worker() {
    let nodes = cluster("frugal", 1, "10");
    let mut client = nodes[0].client();
    for words in [&["GET", "k"][..], &["TTL", "k"], &["DEL", "k"], &["EXPIRE", "k", "9"], &["SET", "k", "v", "XX"]] {
        client.ask(words);
        assert_eq!(client.info("swarm_workers_here"), 0, "{words:?}");
    }
    for number in 0..KEYS {
        client.ask(&["SET", &key(number), "v"]);
    }
    assert_eq!(client.info("swarm_workers_here"), KEYS as u64);
    for number in 0..KEYS {
        let key = key(number);
        let (deleted, expired) = (["DEL", &key], ["PEXPIRE", &key, "1"]);
        assert_eq!(client.ask(if number % 2 == 0 { &deleted } else { &expired }), Reply::Number(1));
    }
    until(&mut client, "an end of the workers", |client| client.info("swarm_workers_here") == 0);
    // One batch that takes away and gives anew, in order.
    client.send(&b"SET k 1\r\nDEL k\r\nINCR k\r\nDEL k\r\nINCRBY k 5\r\nGET k\r\n".repeat(50));
    for _ in 0..50 {
        let replies: Vec<_> = (0..6).map(|_| client.reply()).collect();
        let one = Reply::Number(1);
        let expected =
            [Reply::Simple("OK".into()), one.clone(), one.clone(), one, Reply::Number(5), Reply::Bulk("5".into())];
        assert_eq!(replies, expected);
    }
}

#[test]
fn a_key_that_was_taken_away_is_given_anew_by_any_node() {
    let nodes = cluster("anew", 2, "10");
    let mut clients = [nodes[0].client(), nodes[1].client()];
    for round in 0..KEYS {
        // Its worker may still be about to end when the other node sets it.
        let [one, other] = &mut clients;
        for key in [key(0), key(round)] {
            assert_eq!(one.ask(&["SET", &key, "v"]), Reply::Simple("OK".into()));
            assert_eq!(other.ask(&["GET", &key]), Reply::Bulk("v".into()));
            assert_eq!(other.ask(&["DEL", &key]), Reply::Number(1));
            assert_eq!(one.ask(&["INCR", &key]), Reply::Number(1));
            assert_eq!(one.ask(&["DEL", &key]), Reply::Number(1));
            assert_eq!(one.ask(&["GET", &key]), Reply::Nil);
        }
        clients.reverse();
    }
}

#[test]
fn values_and_their_expiry_move_with_their_keys() {
    let mut nodes = cluster("moving", 2, "10");
    let leaves = nodes.remove(1);
    let mut client = nodes[0].client();
    for number in 0..KEYS {
        let value = number.to_string();
        let words = ["SET", &key(number), &value, "EX", "1000"];
        assert_eq!(client.ask(&words[..if number % 2 == 0 { 5 } else { 3 }]), Reply::Simple("OK".into()));
    }
    assert!(leaves.client().info("swarm_workers_here") > 0, "one of two nodes has some of {KEYS} keys");
    leaves.process.signal("-TERM");
    assert!(leaves.process.ended().success(), "it leaves gracefully");
    for number in 0..KEYS {
        assert_eq!(client.ask(&["GET", &key(number)]), Reply::Bulk(number.to_string()));
        let Reply::Number(left) = client.ask(&["TTL", &key(number)]) else { panic!("TTL is a number") };
        assert!(if number % 2 == 0 { (900..=1000).contains(&left) } else { left == -1 }, "{left}");
        assert_eq!(client.ask(&["PEXPIRE", &key(number), "1"]), Reply::Number(1));
    }
    until(&mut client, "an end of the workers", |client| client.info("swarm_workers_here") == 0);
}

#[test]
fn the_keys_of_a_killed_node_are_gone_and_nothing_of_them_stays() {
    let mut nodes = cluster("killed", 2, "10");
    let killed = nodes.remove(1);
    let mut client = nodes[0].client();
    let keys: Vec<String> = (0..KEYS).map(key).collect();
    for key in &keys {
        assert_eq!(client.ask(&["SET", key, "v"]), Reply::Simple("OK".into()));
    }
    let (here, there) = (client.info("swarm_workers_here"), killed.client().info("swarm_workers_here"));
    assert!(there > 0 && here + there == KEYS as u64, "{here} and {there}");
    killed.process.signal("-KILL");
    drop(killed);
    until(&mut client, "an answer of each key", |client| {
        let answers: Vec<_> = keys.iter().map(|key| client.ask(&["GET", key])).collect();
        answers.iter().all(|answer| !matches!(answer, Reply::Error(_)))
            && answers.iter().filter(|answer| **answer == Reply::Nil).count() as u64 == there
    });
    until(&mut client, "an end of what started anew", |client| client.info("swarm_workers_here") == here);
}

/// Waits until the benchmark's commands are so many, all tests together.
#[track_caller]
fn until_done(client: &mut Client, commands: u64) {
    until(client, "as many commands", |client| client.info("total_commands_processed") >= commands);
}

#[test]
fn a_benchmark_sees_no_error_while_other_nodes_leave_and_counts_exactly() {
    if !redis::is_here() {
        return;
    }
    let mut nodes = cluster("bench", 3, "10");
    let (late, early) = (nodes.remove(2), nodes.remove(1));
    let mut client = nodes[0].client();
    let (requests, keys) = (REQUESTS.to_string(), KEYS.to_string());
    let words = ["-t", "set,get,incr", "-P", "16", "-c", "50", "-n", &requests, "-r", &keys];
    let benchmark = redis::benchmark(nodes[0].port, &words);
    // One leaves while values are set, the other while counters count.
    for (node, share) in [(early, REQUESTS / 20), (late, 2 * REQUESTS + REQUESTS / 20)] {
        until_done(&mut client, share);
        assert!(node.client().info("swarm_workers_here") > 0, "it has some of {KEYS} keys");
        assert!(client.info("total_commands_processed") < share + REQUESTS * 9 / 10, "the benchmark goes on meanwhile");
        node.process.signal("-TERM");
        assert!(node.process.ended().success(), "it leaves gracefully");
    }
    redis::ended_well(benchmark);
    assert_eq!(counted(&mut client), REQUESTS);
}

#[test]
fn a_benchmark_is_served_to_its_end_by_a_node_that_leaves() {
    if !redis::is_here() {
        return;
    }
    let mut nodes = cluster("linger", 2, "600");
    let leaves = nodes.remove(1);
    let (requests, keys) = (REQUESTS.to_string(), KEYS.to_string());
    let words = ["-t", "incr", "-P", "16", "-c", "50", "-n", &requests, "-r", &keys];
    let benchmark = redis::benchmark(leaves.port, &words);
    until_done(&mut leaves.client(), REQUESTS / 20);
    leaves.process.signal("-TERM");
    redis::ended_well(benchmark);
    assert!(leaves.process.ended().success(), "it leaves when nobody is connected any more");
    assert_eq!(counted(&mut nodes[0].client()), REQUESTS);
}

#[test]
fn a_leaving_node_lets_nobody_in_and_closes_what_stays_too_long() {
    let nodes = cluster("closing", 1, "1");
    let mut idle = nodes[0].client();
    assert_eq!(idle.ask(&["PING"]), Reply::Simple("PONG".into()));
    let port = nodes[0].port;
    nodes[0].process.signal("-TERM");
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
        assert!(began.elapsed() < HOLDS_WITHIN, "it still lets clients in");
        std::thread::sleep(LOOK_EVERY);
    }
    assert_eq!(idle.rest(), "", "it is closed without a word");
}
