//! Clusters over real networks, made of network namespaces: formation by multicast, a split and its healing, IPv6.
//!
//! They need the right to make namespaces (root). Where the machine refuses, they say why and pass; with
//! `TEST_NAMESPACES=required`, as in CI, that is a failure.

use std::collections::BTreeSet;

use crate::driven::{Driven, ids};
use examples::fleet::network::Network;

use crate::network;

/// Names enough that each of a few nodes gets some.
const NAMES: usize = 60;

fn start_ipv4(network: &Network, node: usize, cluster: &str) -> Driven {
    let bind = format!("{}:45892", network.ipv4(node));
    Driven::start(Some(&network.namespace(node)), &[&bind, "--cluster", cluster])
}

#[track_caller]
fn find_each_other(nodes: &mut [Driven]) {
    let all = ids(&*nodes);
    for node in nodes {
        node.until("all members", Driven::members, |members| *members == all);
    }
}

/// Registers the names, adds the number 1 to each, and waits until every node sees them all.
#[track_caller]
fn count_names(nodes: &mut [Driven]) {
    for number in 0..NAMES {
        let answer = nodes[0].ask(&format!("register name/{number}"));
        assert!(answer.starts_with("at "), "{answer}");
        assert_eq!(nodes[0].ask(&format!("add name/{number} 1")), "sum 1");
    }
    for node in nodes {
        node.until("all names", Driven::names, |names| names.len() == NAMES);
    }
}

/// Three nodes that have found each other and share the counted names.
fn network_of_three_that_count(cluster: &str) -> Option<(Network, Vec<Driven>)> {
    let network = network::of(3)?;
    let mut nodes: Vec<_> = (1..=3).map(|node| start_ipv4(&network, node, cluster)).collect();
    find_each_other(&mut nodes);
    count_names(&mut nodes);
    Some((network, nodes))
}

#[test]
fn nodes_in_three_namespaces_form_a_cluster_by_multicast() {
    let Some(network) = network::of(3) else {
        return;
    };
    let mut nodes: Vec<_> = (1..=3).map(|node| start_ipv4(&network, node, "formation")).collect();
    find_each_other(&mut nodes);
    count_names(&mut nodes);
    let hosts: BTreeSet<_> = nodes[1].names().into_iter().map(|(_, host)| host).collect();
    assert_eq!(hosts.len(), 3, "every node hosts some of the names");

    nodes.remove(2).leave();
    find_each_other(&mut nodes);
    for number in 0..NAMES {
        let answer = nodes[1].ask(&format!("add name/{number} 1"));
        assert_eq!(answer, "sum 2", "name/{number} moved with its state when a node left");
    }
}

#[test]
fn clusters_with_different_names_on_one_network_ignore_each_other() {
    let Some(network) = network::of(4) else {
        return;
    };
    let mut odd = vec![start_ipv4(&network, 1, "odd")];
    let mut even = vec![start_ipv4(&network, 2, "even")];
    odd.push(start_ipv4(&network, 3, "odd"));
    even.push(start_ipv4(&network, 4, "even"));
    find_each_other(&mut odd);
    find_each_other(&mut even);
}

#[test]
fn a_split_network_serves_on_both_sides_and_heals_by_itself() {
    let Some(network) = network::of(3) else {
        return;
    };
    let mut nodes: Vec<_> = (1..=3).map(|node| start_ipv4(&network, node, "split")).collect();
    find_each_other(&mut nodes);
    count_names(&mut nodes);

    network.cut(3);
    let mut alone = nodes.split_off(2);
    find_each_other(&mut nodes);
    find_each_other(&mut alone);
    // Available on both sides: each has all names, on nodes that it can reach.
    for side in [&mut nodes, &mut alone] {
        let reachable = ids(&*side);
        side[0].until("all names on its side", Driven::names, |names| {
            names.len() == NAMES && names.iter().all(|(_, host)| reachable.contains(host))
        });
    }
    let answer =
        alone[0].until("a call on its side", |node| node.ask("add name/0 1000"), |sum| sum.starts_with("sum "));
    let counted_alone: u64 = answer["sum ".len()..].parse().expect("a sum is a number");
    let answer = nodes[0].until("a call on its side", |node| node.ask("add name/0 1"), |sum| sum.starts_with("sum "));
    let counted_together: u64 = answer["sum ".len()..].parse().expect("a sum is a number");

    network.heal(3);
    nodes.append(&mut alone);
    find_each_other(&mut nodes);
    // Workers still move when the first has all names: what they agree on in the end is asked for.
    let (first, others) = nodes.split_first_mut().expect("there are three");
    let agreed = |node: &mut Driven| {
        let names = node.names();
        others.iter_mut().all(|other| other.names() == names).then_some(names)
    };
    first.until("every name once, where all see it", agreed, |names| {
        names.as_ref().is_some_and(|names| names.len() == NAMES)
    });
    // Both instances of the name met, and the loser's count was given to the survivor, exactly once.
    let healed = format!("sum {}", counted_alone + counted_together);
    nodes[0].until("both counts", |node| node.ask("add name/0 0"), |sum| *sum == healed);
    assert_eq!(nodes[2].ask("add name/0 0"), healed);
}

#[test]
fn a_node_that_loses_its_network_is_replaced_and_comes_back() {
    let Some(network) = network::of(2) else {
        return;
    };
    let mut nodes: Vec<_> = (1..=2).map(|node| start_ipv4(&network, node, "flap")).collect();
    find_each_other(&mut nodes);
    let both = ids(&nodes);
    for _ in 0..3 {
        network.cut(2);
        for node in &mut nodes {
            node.until("itself alone", Driven::members, |members| members.len() == 1);
        }
        network.heal(2);
        for node in &mut nodes {
            node.until("both", Driven::members, |members| *members == both);
        }
    }
}

#[test]
fn nodes_find_each_other_by_one_seed_without_multicast() {
    let Some(network) = network::of(3) else { return };
    let seed = format!("{}:45892", network.ipv4(1));
    // The seed is started last: those that know it go on asking for it.
    let mut nodes: Vec<_> = [3, 2, 1]
        .map(|node| {
            let bind = format!("{}:45892", network.ipv4(node));
            let words = [bind.as_str(), "--cluster", "seeded", "--seed", &seed];
            Driven::start(Some(&network.namespace(node)), &words)
        })
        .into();
    find_each_other(&mut nodes);
}

#[test]
fn names_of_a_killed_process_start_again_on_the_others() {
    let Some((_network, mut nodes)) = network_of_three_that_count("killed") else { return };
    let before = nodes[1].names();
    let killed = nodes.remove(0);
    let dead = killed.id().to_owned();
    drop(killed);
    find_each_other(&mut nodes);
    nodes[0].until("all names on living nodes", Driven::names, |names| {
        names.len() == NAMES && names.iter().all(|(_, host)| *host != dead)
    });
    for (name, host) in before {
        let sum = if host == dead { "sum 1" } else { "sum 2" };
        assert_eq!(nodes[1].ask(&format!("add {name} 1")), sum, "{name} was on {host}, {dead} was killed");
    }
}

#[test]
fn a_node_killed_while_another_joins_loses_no_name() {
    let Some(network) = network::of(4) else { return };
    let mut nodes: Vec<_> = (1..=3).map(|node| start_ipv4(&network, node, "both")).collect();
    find_each_other(&mut nodes);
    count_names(&mut nodes);
    let before = nodes[1].names();
    let killed = nodes.remove(0);
    let dead = killed.id().to_owned();
    let joined = std::thread::scope(|scope| {
        let joins = scope.spawn(|| start_ipv4(&network, 4, "both"));
        drop(killed);
        joins.join().expect("the joining node starts")
    });
    nodes.push(joined);
    find_each_other(&mut nodes);
    nodes[0].until("all names on living nodes", Driven::names, |names| {
        names.len() == NAMES && names.iter().all(|(_, host)| *host != dead)
    });
    for (name, host) in before {
        let sum = if host == dead { "sum 1" } else { "sum 2" };
        assert_eq!(nodes[2].ask(&format!("add {name} 1")), sum, "{name} was on {host}, {dead} was killed");
    }
}

#[test]
fn a_rolling_replacement_of_every_node_loses_nothing() {
    let Some(network) = network::of(6) else { return };
    let mut nodes: Vec<_> = (1..=3).map(|node| start_ipv4(&network, node, "rolling")).collect();
    find_each_other(&mut nodes);
    count_names(&mut nodes);
    for (round, new) in (4..=6).enumerate() {
        nodes.push(start_ipv4(&network, new, "rolling"));
        nodes.remove(0).leave();
        // At once, while workers may still be on their way: calls wait for them.
        for number in 0..NAMES {
            let answer = nodes[number % 3].ask(&format!("add name/{number} 1"));
            assert_eq!(answer, format!("sum {}", round + 2), "name/{number} after {} replacements", round + 1);
        }
    }
    find_each_other(&mut nodes);
}

#[test]
fn nodes_form_a_cluster_over_ipv6() {
    // A site-local group that nobody else uses (RFC 4291 §2.7).
    over_ipv6(|_| "ff15::5a".to_owned());
}

#[test]
fn nodes_form_a_cluster_by_a_link_local_group() {
    over_ipv6(Network::link_local_group);
}

fn over_ipv6(group: impl FnOnce(&Network) -> String) {
    let Some(network) = network::of(3) else {
        return;
    };
    let group = format!("[{}]:45892", group(&network));
    let mut nodes: Vec<_> = (1..=3)
        .map(|node| {
            let bind = format!("[{}]:45892", network.ipv6(node));
            let words = [bind.as_str(), "--cluster", "six", "--group", &group];
            Driven::start(Some(&network.namespace(node)), &words)
        })
        .collect();
    find_each_other(&mut nodes);
    count_names(&mut nodes);
}
