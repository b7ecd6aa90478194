//! Owns a private network of this machine: one namespace a node, and a bridge between them in a namespace of
//! its own, so that not one packet touches the machine's real interfaces. Never leaves a namespace behind.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// All these namespaces begin so; the process that made one comes next.
const PREFIX: &str = "swarm-test-";
/// What all nodes are plugged into, and what some are while the network is split.
const BRIDGE: &str = "bridge";
const OTHER_BRIDGE: &str = "bridge2";
/// The name of every node's only interface beside the loopback one.
const INTERFACE: &str = "eth0";
/// Its index, which completes a link-local address.
const INDEX: &str = "7";

/// The network. Its namespaces, with everything in them, are deleted when it is dropped.
pub struct Network {
    id: String,
    nodes: usize,
}

impl Network {
    /// A network of `nodes` nodes, or why this machine allows none.
    pub fn new(nodes: usize) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let id = format!("{PREFIX}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Made before the first command, so that whatever fails, what was made by then is deleted.
        let network = Self { id, nodes };
        let hub = network.hub();
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", BRIDGE, "type", "bridge", "mcast_snooping", "0"])?;
        ip(&["-n", &hub, "link", "set", BRIDGE, "up"])?;
        for node in 1..=nodes {
            network.plug(node, &hub)?;
        }
        Ok(network)
    }

    /// The namespace of a node, from 1.
    pub fn namespace(&self, node: usize) -> String {
        format!("{}-{node}", self.id)
    }

    /// The IPv4 address of a node.
    pub fn ipv4(&self, node: usize) -> String {
        format!("10.77.0.{node}")
    }

    /// The IPv6 address of a node.
    pub fn ipv6(&self, node: usize) -> String {
        format!("fd77::{node}")
    }

    /// A group that reaches every node of this link, from whichever of them.
    pub fn link_local_group(&self) -> String {
        format!("ff12::5a%{INDEX}")
    }

    /// Pulls the plug of a node: it reaches nobody, and nobody is told.
    pub fn cut(&self, node: usize) {
        self.set_link(node, "down");
    }

    /// Puts the plug back.
    pub fn heal(&self, node: usize) {
        self.set_link(node, "up");
    }

    /// Plugs these nodes into a network of their own: they reach each other, and nobody else is told.
    pub fn split(&self, nodes: &[usize]) -> Result<(), String> {
        let hub = self.hub();
        ip(&["-n", &hub, "link", "add", OTHER_BRIDGE, "type", "bridge", "mcast_snooping", "0"])?;
        ip(&["-n", &hub, "link", "set", OTHER_BRIDGE, "up"])?;
        nodes.iter().try_for_each(|node| ip(&["-n", &hub, "link", "set", &port(*node), "master", OTHER_BRIDGE]))
    }

    /// Plugs all nodes into one network again.
    pub fn unite(&self) -> Result<(), String> {
        let hub = self.hub();
        (1..=self.nodes).try_for_each(|node| ip(&["-n", &hub, "link", "set", &port(node), "master", BRIDGE]))?;
        ip(&["-n", &hub, "link", "del", OTHER_BRIDGE])
    }

    /// Applies one rule of nftables to all that comes to any node, instead of the one before.
    pub fn filter(&self, rule: &str) -> Result<(), String> {
        // The first two lines make sure that there is none left of before.
        let rules = format!(
            "table inet swarm\ndelete table inet swarm\ntable inet swarm {{\nchain input {{\n\
             type filter hook input priority 0;\niif lo accept;\n{rule};\n}}\n}}\n"
        );
        (1..=self.nodes).try_for_each(|node| nft(&self.namespace(node), &rules))
    }

    fn set_link(&self, node: usize, state: &str) {
        ip(&["-n", &self.hub(), "link", "set", &port(node), state]).expect("a port of the bridge can be switched");
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.id)
    }

    fn plug(&self, node: usize, hub: &str) -> Result<(), String> {
        let space = self.namespace(node);
        let port = port(node);
        ip(&["netns", "add", &space])?;
        ip(&[
            "-n", &space, "link", "add", INTERFACE, "index", INDEX, "type", "veth", "peer", "name", &port, "netns", hub,
        ])?;
        ip(&["-n", hub, "link", "set", &port, "master", BRIDGE, "up"])?;
        ip(&["-n", &space, "addr", "add", &format!("{}/24", self.ipv4(node)), "dev", INTERFACE])?;
        // Without duplicate address detection the address is usable at once.
        ip(&["-n", &space, "addr", "add", &format!("{}/64", self.ipv6(node)), "dev", INTERFACE, "nodad"])?;
        ip(&["-n", &space, "link", "set", "lo", "up"])?;
        ip(&["-n", &space, "link", "set", INTERFACE, "up"])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let nodes = (1..=self.nodes).map(|node| self.namespace(node));
        for space in nodes.chain([self.hub()]) {
            // One that was never made, since an earlier command failed, cannot be deleted; that is no news.
            let _never_made = ip(&["netns", "del", &space]);
        }
    }
}

fn port(node: usize) -> String {
    format!("port{node}")
}

/// Deletes what a killed run has left: namespaces of ours whose process is no more.
fn sweep() {
    let Ok(list) = ip(&["netns", "list"]).and_then(|()| output(&["netns", "list"])) else {
        return;
    };
    for space in list.lines().filter_map(|line| line.split_whitespace().next()) {
        let owner = space.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists()) {
            let _gone_meanwhile = ip(&["netns", "del", space]);
        }
    }
}

/// Lets nftables read rules inside a namespace.
fn nft(space: &str, rules: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("nft in {space}: {error}");
    let mut child = Command::new("ip")
        .args(["netns", "exec", space, "nft", "-f", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut stdin = child.stdin.take().ok_or("a piped child has a standard input")?;
    // Where there is no nft it has ended already, which its status says better.
    let _written = stdin.write_all(rules.as_bytes());
    drop(stdin);
    let done = child.wait_with_output().map_err(failed)?;
    if done.status.success() {
        return Ok(());
    }
    Err(format!("nft in {space}: {}", String::from_utf8_lossy(&done.stderr).trim()))
}

fn ip(words: &[&str]) -> Result<(), String> {
    output(words).map(drop)
}

fn output(words: &[&str]) -> Result<String, String> {
    let command = format!("ip {}", words.join(" "));
    let done = Command::new("ip").args(words).output().map_err(|error| format!("{command}: {error}"))?;
    if !done.status.success() {
        return Err(format!("{command}: {}", String::from_utf8_lossy(&done.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
