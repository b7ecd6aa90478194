//! A process that stands still and goes on, in a cluster with a quorum: what it hosted runs elsewhere by then, and it
//! answers for none of it.

use crate::driven::Driven;

fn node(cluster: &str, seed: Option<&Driven>) -> Driven {
    let addr = seed.map(|seed| seed.id().split('#').next().unwrap_or_default().to_owned());
    let mut words = vec!["127.0.0.1:0", "--cluster", cluster, "--quorum", "2"];
    // A node that knows nobody seeks itself, and not the networks of this machine.
    words.extend(["--seed", addr.as_deref().unwrap_or("127.0.0.1:1")]);
    Driven::start(None, &words)
}

#[test]
fn a_node_that_stood_still_answers_for_nothing_that_runs_elsewhere() {
    const NAMES: u64 = 20;
    let first = node("frozen", None);
    let second = node("frozen", Some(&first));
    let third = node("frozen", Some(&first));
    let mut nodes = [first, second, third];
    for node in &mut nodes {
        node.until("all three", Driven::members, |members| members.len() == 3);
    }
    for i in 0..NAMES {
        nodes[1].until("its registration", |node| node.ask(&format!("register n{i}")), |at| at.starts_with("at "));
        assert_eq!(nodes[1].ask(&format!("add n{i} 100")), "sum 100");
    }
    let frozen = nodes[2].id().to_owned();
    let names = nodes[0].until("all names", Driven::names, |names| names.len() == NAMES as usize);
    let hosted: Vec<String> = names.into_iter().filter(|(_, at)| *at == frozen).map(|(name, _)| name).collect();
    assert!(!hosted.is_empty(), "one of three hosts some of twenty names");

    nodes[2].freeze();
    for name in &hosted {
        // A call that was on its way to it is lost; the next one finds the name where it is started anew.
        let add = format!("add {name} 1");
        nodes[0].until("its new start", |node| node.ask(&add), |sum| sum == "sum 1");
    }
    // What is typed now is read when it goes on, before anybody can have told it what has happened.
    for name in &hosted {
        nodes[2].type_ahead(&format!("add {name} 1"));
    }
    nodes[2].thaw();
    for name in &hosted {
        let answer = nodes[2].answer();
        assert!(
            answer == "sum 2" || answer.starts_with("error "),
            "{name} was answered for by a stale worker: {answer}"
        );
    }
    nodes[2].until("all three", Driven::members, |members| members.len() == 3);
    nodes[2].until("all names", Driven::names, |names| names.len() == NAMES as usize);
    let mut sums = 0;
    for name in &hosted {
        let sum = nodes[2].until("an answer", |node| node.ask(&format!("add {name} 0")), |sum| sum.starts_with("sum "));
        sums += sum["sum ".len()..].parse::<u64>().expect("a number");
    }
    // Whatever said that it had failed may have run, but at most once, and never in what held a hundred.
    assert!(sums <= 2 * hosted.len() as u64, "{sums} in {} names", hosted.len());
}
