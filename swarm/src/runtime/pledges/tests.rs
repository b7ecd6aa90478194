//! One node's pledges and another's surveys, with ordered channels between them that the script moves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokio::sync::mpsc;

use super::*;
use crate::directory::GroupKey;
use crate::runtime::survey::{Question, Surveys};

fn node(i: u16) -> NodeId {
    NodeId::new(([127, 0, 0, 1], i).into(), u64::from(i))
}

fn group(key: usize) -> Whom {
    Whom::Group(GroupKey { tag: 1, key: Name::from(key as u64) })
}

fn quiet(_: NodeId, _: u64, _: &Whom) {}

/// Gives a pledge as a survey does.
fn pledge(pledges: &Pledges, whom: &Whom, holder: NodeId) -> bool {
    pledges.note(whom, holder, |_, _| {}) && pledges.give(whom, holder, || {})
}

#[test]
fn whoever_comes_waits_for_all_who_hold_a_pledge() {
    let (pledges, here) = (Pledges::default(), group(1));
    assert!(pledges.recall([&here], quiet).is_over(), "nobody holds one");
    assert!(
        pledge(&pledges, &here, node(1)) && pledge(&pledges, &here, node(2)) && pledge(&pledges, &group(2), node(3))
    );
    let mut told = BTreeMap::new();
    let mut first = pledges.recall([&here], |holder, number, _| {
        told.insert(holder, number);
    });
    assert_eq!(told.keys().copied().collect::<Vec<_>>(), [node(1), node(2)]);
    let mut second = pledges.recall([&here], |_, _, _| panic!("they were told"));
    assert!(!pledge(&pledges, &here, node(1)), "not before the recall is over");
    pledges.known(node(1), told[&node(1)], &here);
    assert!(!first.is_over() && !second.is_over());
    pledges.known(node(2), told[&node(1)], &here);
    assert!(!first.is_over(), "that number was another's");
    pledges.known(node(2), told[&node(2)], &here);
    assert!(first.is_over() && second.is_over());
    assert!(pledge(&pledges, &here, node(1)), "when it has gone again");
}

#[test]
fn who_comes_between_the_note_and_the_pledge_prevents_it() {
    let (pledges, here) = (Pledges::default(), group(1));
    assert!(pledges.note(&here, node(1), |_, _| {}));
    assert!(pledges.recall([&here], quiet).is_over(), "nobody has been told anything yet");
    assert!(!pledges.give(&here, node(1), || panic!("somebody is here")));
    assert!(pledges.note(&here, node(1), |_, _| {}));
    pledges.withdraw(&here, node(1));
    assert!(!pledges.give(&here, node(1), || panic!("it was withdrawn")));
    assert!(!pledges.note(&Whom::Everyone, node(1), |_, _| {}), "there is always somebody");
    assert!(pledges.lock().groups.is_empty() && pledges.lock().counts.is_empty(), "nothing is kept of it");
}

#[test]
fn nobody_waits_for_a_node_that_is_gone_and_who_may_not_have_heard_is_told_again() {
    let (pledges, here) = (Pledges::default(), group(1));
    assert!(pledge(&pledges, &here, node(1)) && pledge(&pledges, &here, node(2)));
    let mut recall = pledges.recall([&here], quiet);
    let mut told = Vec::new();
    pledges.remind(|holder| holder == node(2), |holder, number, whom| told.push((holder, number, whom.clone())));
    let [(holder, number, whom)] = &told[..] else { panic!("{told:?}") };
    pledges.known(*holder, *number, whom);
    assert!(!recall.is_over());
    pledges.gone(node(1));
    assert!(recall.is_over());
}

/// Thousands of workers may wait for one node that does not answer: each of them looks once a second.
#[test]
fn however_many_wait_the_holders_are_told_again_once_a_second() {
    let pledges = Pledges::default();
    let recalls: Vec<_> = (0..10).map(|key| (pledge(&pledges, &group(key), node(1)), group(key))).collect();
    assert!(recalls.iter().all(|(given, _)| *given));
    assert!(!pledges.recall(recalls.iter().map(|(_, whom)| whom), quiet).is_over());
    let told = |ms| {
        let mut told = 0;
        let now = Instant::START + Duration::from_millis(ms);
        recalls.iter().for_each(|_| pledges.remind_all(now, |_, _, _| told += 1));
        told
    };
    assert_eq!((told(0), told(999), told(1_000)), (10, 0, 10));
}

#[test]
fn a_node_that_holds_too_many_gives_all_of_them_back_at_once() {
    let pledges = Pledges::default();
    for key in 0..PLEDGES_MAX {
        assert!(pledge(&pledges, &group(key), node(1)));
    }
    assert!(pledge(&pledges, &group(0), node(1)), "that one it holds");
    let mut told = Vec::new();
    for key in PLEDGES_MAX..PLEDGES_MAX + 2 {
        assert!(!pledges.note(&group(key), node(1), |number, whom| told.push((number, whom.clone()))));
    }
    let [(number, Whom::Everyone)] = told[..] else { panic!("one frame tells it: {told:?}") };
    assert!(pledge(&pledges, &group(PLEDGES_MAX), node(2)), "the limit is each node's own");
    let mut recall = pledges.recall([&group(5)], |_, _, _| panic!("it was told"));
    assert!(!recall.is_over());
    pledges.known(node(1), number, &Whom::Everyone);
    assert!(recall.is_over());
    assert!(pledge(&pledges, &group(PLEDGES_MAX), node(1)));
    assert_eq!(pledges.lock().groups.len(), 1, "what was recalled takes no place");
}

/// A member that moves while others are asked may be on its way to a node that was left out.
#[test]
fn who_takes_a_pledge_back_is_asked_what_is_being_asked() {
    let (surveys, here, both) = (Surveys::default(), group(1), BTreeSet::from([node(1), node(2)]));
    let first = surveys.open(both.clone(), &here, Payload::empty(), Instant::START);
    let nobody = || Findings { nobody: true, last: true, ..Findings::default() };
    surveys.arrived(first.number, node(1), nobody());
    let second = surveys.open(both.clone(), &here, Payload::copy_of(b"second"), Instant::START);
    assert_eq!((first.asked, second.asked), (both.clone(), BTreeSet::from([node(2)])));
    let other = surveys.open(both.clone(), &group(2), Payload::empty(), Instant::START);
    assert_eq!(other.asked, both, "that pledge was about another group");
    assert_eq!(surveys.take_back(node(1), &here), [(second.number, Payload::copy_of(b"second"))]);
    assert_eq!(surveys.take_back(node(1), &here), [], "it was asked");
    // Of what it is asked late the answer counts, and ends the question.
    surveys.arrived(second.number, node(2), nobody());
    let mut findings = second.findings;
    assert!(matches!(findings.try_recv(), Ok((from, _)) if from == node(2)));
    assert!(matches!(findings.try_recv(), Err(mpsc::error::TryRecvError::Empty)), "the other is being asked");
    surveys.arrived(second.number, node(1), nobody());
    assert!(matches!(findings.try_recv(), Ok((from, _)) if from == node(1)));
    assert!(matches!(findings.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    surveys.lost(node(1));
    assert_eq!(
        surveys.open(both, &here, Payload::empty(), Instant::START).asked,
        BTreeSet::from([node(1)]),
        "only of who is there"
    );
}

// --- both ends, in every order

enum ToHost {
    Survey(u64, Whom),
    Recalled(u64, Whom),
}

enum ToAsker {
    Findings(u64, Findings),
    Recall(u64, Whom),
}

/// A host whose workers come and go, an asker that publishes to their groups, and the two ways between them.
struct Pair {
    pledges: Pledges,
    surveys: Surveys,
    to_host: VecDeque<ToHost>,
    to_asker: VecDeque<ToAsker>,
    /// How many of each group are where the host looks.
    present: BTreeMap<usize, usize>,
    /// A survey between its note and what follows from its look.
    looking: Option<(u64, Whom, bool)>,
    /// Workers that have come, and are not yet reported.
    coming: Vec<(usize, Recall)>,
    /// How many of each group are acknowledged as members.
    members: BTreeMap<usize, usize>,
    /// How many publishes were spared.
    spared: u64,
    /// Publishes that nobody ends.
    open: Vec<mpsc::UnboundedReceiver<(NodeId, Findings)>>,
}

const HOST: u16 = 1;
const ASKER: u16 = 2;
const GROUPS: usize = 2;

fn key_of(whom: &Whom) -> usize {
    (0..GROUPS).find(|key| group(*key) == *whom).expect("all groups are ours")
}

impl Pair {
    fn new() -> Self {
        Self {
            pledges: Pledges::default(),
            surveys: Surveys::default(),
            to_host: VecDeque::new(),
            to_asker: VecDeque::new(),
            present: BTreeMap::new(),
            looking: None,
            coming: Vec::new(),
            members: BTreeMap::new(),
            spared: 0,
            open: Vec::new(),
        }
    }

    fn ask(&mut self, key: usize) {
        let question = rkyv::to_bytes::<Error>(&Question::List(group(key))).expect("it is encoded").into();
        let opened = self.surveys.open(BTreeSet::from([node(HOST)]), &group(key), question, Instant::START);
        let asked = opened.asked.contains(&node(HOST));
        if self.members.get(&key).is_some_and(|members| *members > 0) {
            assert!(asked, "an acknowledged member of {key} would be missed");
        }
        if asked {
            self.to_host.push_back(ToHost::Survey(opened.number, group(key)));
        } else {
            self.spared += 1;
        }
        self.open.push(opened.findings);
    }

    /// A worker comes: first it is where surveys look, then pledges are recalled. The two are steps of their own.
    fn come(&mut self, key: usize) {
        *self.present.entry(key).or_default() += 1;
    }

    fn recall(&mut self, key: usize) {
        let to_asker = &mut self.to_asker;
        let recall = self.pledges.recall([&group(key)], |_, number, whom| {
            to_asker.push_back(ToAsker::Recall(number, whom.clone()));
        });
        self.coming.push((key, recall));
    }

    fn acknowledge(&mut self) {
        for (key, mut recall) in std::mem::take(&mut self.coming) {
            if recall.is_over() {
                *self.members.entry(key).or_default() += 1;
            } else {
                self.coming.push((key, recall));
            }
        }
    }

    fn go(&mut self, key: usize) {
        if let Some(members) = self.members.get_mut(&key).filter(|members| **members > 0) {
            *members -= 1;
            *self.present.get_mut(&key).expect("a member is present") -= 1;
        }
    }

    /// The host looks first, or does the next step of the survey that it looks for.
    fn host(&mut self) {
        if let Some((number, whom, nobody)) = self.looking.take() {
            let to_asker = &mut self.to_asker;
            let mut send = |findings| to_asker.push_back(ToAsker::Findings(number, findings));
            let pledge = Findings { nobody: true, last: true, ..Findings::default() };
            if !(nobody && self.pledges.give(&whom, node(ASKER), || send(pledge))) {
                self.pledges.withdraw(&whom, node(ASKER));
                send(Findings { last: true, ..Findings::default() });
            }
            return;
        }
        match self.to_host.pop_front() {
            Some(ToHost::Survey(number, whom)) => {
                let noted = self.pledges.note(&whom, node(ASKER), |_, _| panic!("there are few groups"));
                let nobody = self.present.get(&key_of(&whom)).is_none_or(|present| *present == 0);
                self.looking = Some((number, whom, noted && nobody));
            }
            Some(ToHost::Recalled(number, whom)) => self.pledges.known(node(ASKER), number, &whom),
            None => {}
        }
    }

    fn asker(&mut self) {
        match self.to_asker.pop_front() {
            Some(ToAsker::Findings(number, findings)) => self.surveys.arrived(number, node(HOST), findings),
            Some(ToAsker::Recall(number, whom)) => {
                for (open, _) in self.surveys.take_back(node(HOST), &whom) {
                    self.to_host.push_back(ToHost::Survey(open, whom.clone()));
                }
                self.to_host.push_back(ToHost::Recalled(number, whom));
            }
            None => {}
        }
    }

    /// The connection is lost with all that is on it; each end notices, the asker at once, and there is another.
    fn reset(&mut self) {
        self.to_host.clear();
        self.to_asker.clear();
        for (number, question) in self.surveys.again(node(HOST), BTreeMap::new()) {
            let question = batch::read::<Question>(&question).expect("it was encoded");
            self.to_host.push_back(ToHost::Survey(number, question.whom().clone()));
        }
        let to_asker = &mut self.to_asker;
        let again = |_, number, whom: &Whom| to_asker.push_back(ToAsker::Recall(number, whom.clone()));
        self.pledges.remind(|holder| holder == node(ASKER), again);
    }
}

/// In whatever order things happen, a publish that begins when a join was acknowledged asks the member's node, every join is
/// acknowledged in the end, and at rest a host without members is left alone.
#[test]
fn in_no_order_of_events_an_acknowledged_member_is_left_out() {
    let mut spared = 0;
    for seed in 0..1_000_u64 {
        let mut pair = Pair::new();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut unrecalled: Vec<usize> = Vec::new();
        for _ in 0..120 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let key = (state >> 32) as usize % GROUPS;
            match state % 32 {
                0..=5 => pair.ask(key),
                6 | 7 => {
                    pair.come(key);
                    unrecalled.push(key);
                }
                8..=11 => {
                    if let Some(key) = unrecalled.pop() {
                        pair.recall(key);
                    }
                }
                12..=14 => pair.go(key),
                15 => pair.reset(),
                16..=23 => pair.host(),
                _ => pair.asker(),
            }
            pair.acknowledge();
        }
        unrecalled.into_iter().for_each(|key| pair.recall(key));
        for _ in 0..400 {
            pair.host();
            pair.asker();
            pair.acknowledge();
        }
        assert!(pair.coming.is_empty(), "seed {seed}: a join is never acknowledged");
        spared += pair.spared;
        for key in 0..GROUPS {
            while pair.members.get(&key).is_some_and(|members| *members > 0) {
                pair.go(key);
            }
            let before = pair.spared;
            for _ in 0..2 {
                pair.ask(key);
                (0..4).for_each(|_| pair.host());
                pair.asker();
            }
            assert!(pair.spared > before, "seed {seed}: a host without members is asked again and again");
        }
    }
    assert!(spared > 2_500, "the walks meet what they are about: {spared}");
}
