//! Each rule of the directory is needed: without it a checker sees a violation, on a random walk where chance is quick,
//! else on the schedule of protocol.md §15 that it was made for.

use std::time::Duration;

use crate::directory::tests::cluster::{Check, Cluster};
use crate::directory::tests::steps::{formed, hosted_by, inherited};
use crate::directory::tests::{frozen, schedules, walk};
use crate::directory::{Answer, Ask, Message, PartitionId, Role};
use crate::name::Name;
use crate::rules::Rule;

/// How a rule is proven to be needed.
enum Proof {
    /// One of the first walks goes wrong.
    Walks,
    /// This goes well with the rule, and wrong without it.
    Script(fn() -> Check),
}
use Proof::{Script, Walks};

/// Without a rule one of so many walks has to go wrong.
const WALKS: u64 = 2_000;

const PROOFS: [(Rule, Proof); 26] = [
    (Rule::TermTie, Walks),
    (Rule::Promise, Walks),
    (Rule::AskAll, Script(schedules::s03_a_joiner_asks_everybody)),
    (Rule::Agree, Walks),
    (Rule::Closure, Script(two_joiners_are_promised_in_turn)),
    (Rule::Joined, Script(schedules::s06_a_joiner_whose_contact_dies_claims_nothing)),
    (Rule::DisagreeFirst, Script(schedules::s16_terms_do_not_run_away)),
    (Rule::Cover, Walks),
    (Rule::StillOwner, Script(a_host_tells_the_owner_that_goes_on)),
    (Rule::KeepCopy, Script(schedules::s07_an_old_replica_keeps_its_copy)),
    (Rule::RetireComplete, Script(an_owner_dies_before_its_new_replica_has_the_copy)),
    (Rule::Context, Script(schedules::s08_what_was_unregistered_stays_so)),
    (Rule::Siblings, Script(both_sides_of_a_split_register_and_work)),
    (Rule::AckReplicated, Walks),
    (Rule::TermEpochs, Script(schedules::s01_two_terms_have_different_epochs)),
    (Rule::Intent, Script(schedules::s09_nothing_starts_before_its_record_is_stable)),
    (Rule::Invalidate, Script(schedules::s08_what_was_unregistered_stays_so)),
    (Rule::OwnerUnseals, Script(an_old_host_is_not_heard_of_for_long)),
    (Rule::Lineage, Script(schedules::s11_an_ancestor_is_dropped_and_not_merged)),
    (Rule::StartOnce, Script(schedules::s12_no_start_is_sent_twice)),
    (Rule::Ids, Script(a_report_about_another_directive)),
    (Rule::WaitAllSeen, Script(an_heir_has_not_heard_of_a_host)),
    (Rule::DropAfterRun, Walks),
    (Rule::LostReport, Script(schedules::s12_no_start_is_sent_twice)),
    (Rule::Halt, Script(frozen::who_stood_still_runs_nothing_before_it_is_told)),
    (Rule::Renewal, Script(frozen::who_stood_still_goes_on_under_a_new_epoch)),
];

#[test]
fn without_one_of_the_rules_a_violation_is_seen() {
    for (rule, proof) in PROOFS {
        let seen = match proof {
            Walks => walk::first_broken(rule, WALKS),
            Script(script) => {
                assert_eq!(script(), Ok(()), "with {rule:?}");
                rule.without(script).err().map(|found| (0, found))
            }
        };
        println!("without {rule:?}: {seen:?}");
        assert!(seen.is_some(), "nobody misses {rule:?}");
    }
}

#[test]
fn no_rule_is_left_out() {
    let proven: Vec<Rule> = PROOFS.iter().map(|(rule, _)| *rule).collect();
    let of_ours = |rule: &Rule| (Rule::TermTie..Rule::Lease).contains(rule);
    let all: Vec<Rule> = Rule::ALL.into_iter().filter(of_ours).collect();
    assert_eq!(
        proven, all,
        "the others are those of `runtime::tests::walk`, and of `sim --placement quorum:3 --without`"
    );
}

/// Delivers all from one node to another that is on its way now.
fn deliver_way(all: &mut Cluster, from: usize, to: usize) -> Check {
    let waiting = all.channels.get(&(from, to)).map_or(0, |queue| queue.len());
    (0..waiting).try_for_each(|_| all.deliver(from, to))
}

/// A change that n2 has made reaches its replica n1, and it hears so.
fn replicate(all: &mut Cluster) -> Check {
    deliver_way(all, 2, 1)?;
    deliver_way(all, 1, 2)
}

/// Schedule 5: who has promised the one joiner promises the next, and the member that knew both is dead.
fn two_joiners_are_promised_in_turn() -> Check {
    let mut all = formed(2);
    all.registered_at(1, "x")?;
    all.joins(2, 1)?;
    deliver_way(&mut all, 2, 1)?;
    all.joins(3, 0)?;
    all.learn(1, 3)?;
    deliver_way(&mut all, 3, 1)?;
    all.crash(0);
    for n in [1, 2, 3] {
        all.notice_down(n, 0)?;
    }
    deliver_way(&mut all, 1, 2)?;
    deliver_way(&mut all, 1, 3)?;
    all.rest()
}

/// Schedule 15: what a host has to say went to a candidate that has died. (The sweep would find it as well, later.)
fn a_host_tells_the_owner_that_goes_on() -> Check {
    let mut all = hosted_by(3, 0b0001);
    let request = all.register(2, "x")?;
    all.until(|all| !all.jobs().is_empty())?;
    all.joins(3, 0)?;
    deliver_way(&mut all, 3, 0)?;
    all.crash(3);
    all.notice_down(0, 3)?;
    all.work(0, &Name::from("x"), true)?;
    all.deliver_all()?;
    match all.answer(request) {
        Some(_) => all.rest(),
        None => Err("n2 waits for a host that has promised another".into()),
    }
}

/// Schedule 17: n2 is to be no replica any more, n1 is to be one.
fn an_owner_dies_before_its_new_replica_has_the_copy() -> Check {
    let mut all = formed(4);
    all.registered_at(3, "x")?;
    all.leave(2)?;
    all.learn_leave(3, 2)?;
    all.until(|all| all.in_flight(3, 2, |message| matches!(message, Message::Retire { .. })))?;
    deliver_way(&mut all, 3, 2)?;
    all.reset(3, 1)?;
    all.crash(3);
    all.rest()
}

/// Schedule 17: a record of two registrations that remembers but one takes the other's worker for unregistered.
fn both_sides_of_a_split_register_and_work() -> Check {
    let mut all = formed(3);
    for n in [0, 1] {
        all.suspect(n, 2)?;
        all.suspect(2, n)?;
    }
    all.deliver_all()?;
    for n in [1, 2] {
        all.registered_at(n, "x")?;
        all.call(n, &Name::from("x"));
    }
    all.rest()
}

/// Schedule 10: the host has sealed, its successor runs, and nobody speaks to it for long.
fn an_old_host_is_not_heard_of_for_long() -> Check {
    let mut all = formed(3);
    all.registered_at(2, "x")?;
    all.joins(3, 0)?;
    for n in [1, 2] {
        all.learn(n, 3)?;
    }
    all.until(|all| all.runs(3, "x"))?;
    if !all.sealed(2, "x") {
        return Err("n2 gave x up before it was told to".into());
    }
    (0..100).try_for_each(|_| all.tick(Duration::from_secs(1)))?;
    all.rest()
}

/// Schedule 13: what a host said before it heard of a drop is no answer to that, nor to a registration that follows.
fn a_report_about_another_directive() -> Check {
    let mut all = hosted_by(3, 0b0001);
    all.register(2, "x")?;
    all.until(|all| !all.jobs().is_empty())?;
    deliver_way(&mut all, 0, 2)?;
    all.ask(2, "x", Ask::Unregister)?;
    all.work(0, &Name::from("x"), false)?;
    deliver_way(&mut all, 2, 0)?;
    all.deliver(0, 2)?;
    replicate(&mut all)?;
    let again = all.register(2, "x")?;
    replicate(&mut all)?;
    if let Some(Answer::InitFailed(_, text)) = all.answer(again) {
        return Err(format!("a registration fails before it is tried, since another did: {text}"));
    }
    all.rest()
}

/// Schedule 15: n1 inherits the office, and has not heard of n0, where x runs.
fn an_heir_has_not_heard_of_a_host() -> Check {
    let mut all = inherited()?;
    if all.nodes[1].dir.role(PartitionId(0)) != (Role::Owner { complete: true }) {
        return Err("n1 has not inherited what n2 knew".into());
    }
    if all.unfinished(1).0 > 0 {
        return Err("x, which runs, is started once more".into());
    }
    all.rest()
}
