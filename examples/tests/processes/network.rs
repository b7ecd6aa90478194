//! Owns what a test does where this machine allows no network namespaces. Never lets it pass where they are required.

use examples::fleet::network::Network;

/// A network of `nodes` nodes; nothing, and a printed reason, where this machine allows none. With
/// `TEST_NAMESPACES=required`, as in CI, that is a panic.
pub(crate) fn of(nodes: usize) -> Option<Network> {
    Network::new(nodes).map_err(skipped).ok()
}

fn skipped(reason: String) {
    let required = std::env::var("TEST_NAMESPACES").is_ok_and(|word| word == "required");
    assert!(!required, "network namespaces are required here: {reason}");
    println!("skipped: this machine allows no network namespaces: {reason}");
}
