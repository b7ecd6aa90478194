//! Owns what browsers are shown live, and what has changed of it since it was told last. Never asks anybody: it is told.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;
use swarm_net::time::Instant;

use super::figures::{Figures, Meter, Totals};
use crate::admin::{EventRow, Happened, NodeEvent, NodeRow};

/// How many events who begins to watch is shown.
const LOG_MAX: usize = 300;

/// How many events are told at once, and how many ways of workers; what is beyond is counted.
const EVENTS_TOLD_MAX: usize = 200;
const FLOWS_TOLD_MAX: usize = 64;

/// How many nodes are given a number, those that are gone included, before all are numbered anew.
const ROLL_MAX: usize = 4096;

/// The number of nobody.
const NOBODY: u16 = u16::MAX;

/// A member, as membership has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) node: String,
    pub(super) leaving: bool,
    pub(super) weight: u16,
}

/// What browsers are shown.
pub(super) struct Scene {
    cluster: String,
    here: String,
    /// Who has logged in may change something.
    changes: bool,
    nodes: BTreeMap<String, Figures>,
    /// Node by number, and the other way round. Numbers stay as they are, so that a change of the ring is told in few bytes.
    roll: Vec<String>,
    numbers: HashMap<String, u16>,
    /// Partition by partition the number of its owner.
    owners: Vec<u16>,
    kinds: Vec<(String, u64)>,
    totals: Totals,
    log: VecDeque<NodeEvent>,
    /// The number of the last event of each node.
    heard: BTreeMap<String, u64>,
    meters: BTreeMap<String, Meter>,
}

/// Workers that went from one node to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Flow {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) count: u64,
    /// One of them.
    pub(super) name: String,
}

/// All of it.
#[derive(Serialize)]
struct Whole<'a> {
    cluster: &'a str,
    here: &'a str,
    version: &'static str,
    changes: bool,
    nodes: Vec<&'a Figures>,
    roll: &'a [String],
    owners: &'a [u16],
    kinds: &'a [(String, u64)],
    totals: &'a Totals,
    events: &'a VecDeque<NodeEvent>,
}

/// What has changed.
#[derive(Debug, Default, Serialize)]
pub(super) struct Change {
    /// Nodes that are new, or of which something has changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) nodes: Vec<Figures>,
    /// Nodes that are no members any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gone: Vec<String>,
    /// Nodes that are given the next numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) roll: Vec<String>,
    /// Partitions that have another owner.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) owners: Vec<(u16, u16)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) flows: Vec<Flow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<NodeEvent>,
    /// How many events there were beside these.
    pub(super) missed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kinds: Option<Vec<(String, u64)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) totals: Option<Totals>,
    /// Numbers were given anew: only the whole tells it.
    #[serde(skip)]
    pub(super) anew: bool,
}

impl Scene {
    pub(super) fn new(cluster: String, here: String, changes: bool) -> Self {
        Self {
            cluster,
            here,
            changes,
            nodes: BTreeMap::new(),
            roll: Vec::new(),
            numbers: HashMap::new(),
            owners: Vec::new(),
            kinds: Vec::new(),
            totals: Totals::default(),
            log: VecDeque::new(),
            heard: BTreeMap::new(),
            meters: BTreeMap::new(),
        }
    }

    /// All of it, as JSON.
    pub(super) fn whole(&self) -> String {
        let whole = Whole {
            cluster: &self.cluster,
            here: &self.here,
            version: env!("CARGO_PKG_VERSION"),
            changes: self.changes,
            nodes: self.nodes.values().collect(),
            roll: &self.roll,
            owners: &self.owners,
            kinds: &self.kinds,
            totals: &self.totals,
            events: &self.log,
        };
        serde_json::to_string(&whole).unwrap_or_default()
    }

    /// These are the members, and the owners of all partitions.
    pub(super) fn see(&mut self, members: &[Seen], owners: &[Option<String>]) -> Change {
        let mut change = Change::default();
        if self.roll.len() > ROLL_MAX {
            (self.roll, self.numbers, self.owners) = (Vec::new(), HashMap::new(), Vec::new());
            change.anew = true;
        }
        let gone = |node: &&String| !members.iter().any(|member| member.node == **node);
        change.gone = self.nodes.keys().filter(gone).cloned().collect();
        for node in &change.gone {
            self.nodes.remove(node);
            self.meters.remove(node);
            self.heard.remove(node);
        }
        let mut owned = vec![0; self.roll.len()];
        self.owners.resize(owners.len(), NOBODY);
        for (partition, owner) in owners.iter().enumerate() {
            let number = owner.as_ref().map_or(NOBODY, |owner| self.number(owner, &mut change));
            owned.resize(self.roll.len(), 0);
            if let Some(owned) = owned.get_mut(usize::from(number)) {
                *owned += 1;
            }
            if self.owners[partition] != number {
                self.owners[partition] = number;
                change.owners.extend(u16::try_from(partition).ok().map(|partition| (partition, number)));
            }
        }
        for member in members {
            let owns = self.numbers.get(&member.node).and_then(|number| owned.get(usize::from(*number)));
            let known = self.nodes.entry(member.node.clone()).or_default();
            let now = known.seen(member, owns.copied().unwrap_or_default(), member.node == self.here);
            if *known != now {
                *known = now.clone();
                change.nodes.push(now);
            }
        }
        change
    }

    /// The number of a node, which is given it if it has none.
    fn number(&mut self, node: &str, change: &mut Change) -> u16 {
        if let Some(number) = self.numbers.get(node) {
            return *number;
        }
        let Ok(number) = u16::try_from(self.roll.len()) else { return NOBODY };
        self.roll.push(node.to_owned());
        change.roll.push(node.to_owned());
        self.numbers.insert(node.to_owned(), number);
        number
    }

    /// This is what nodes say of themselves. Of who is no member any more nothing is kept.
    pub(super) fn measure(&mut self, rows: &[NodeRow], now: Instant, unix_ms: u64, change: &mut Change) {
        let (mut kinds, mut totals) = (BTreeMap::<&str, u64>::new(), Totals::default());
        for row in rows {
            let Some(known) = self.nodes.get_mut(&row.node) else { continue };
            let meter = self.meters.entry(row.node.clone()).or_default();
            let rates = meter.read(row, now);
            let measured = known.measured(row, &rates, unix_ms);
            totals.add(row, &rates);
            for kind in &row.kinds {
                *kinds.entry(&kind.kind).or_default() += kind.workers;
            }
            if *known != measured {
                *known = measured.clone();
                change.nodes.retain(|node| node.node != measured.node);
                change.nodes.push(measured);
            }
        }
        let kinds: Vec<_> = kinds.into_iter().map(|(kind, workers)| (kind.to_owned(), workers)).collect();
        if kinds != self.kinds {
            self.kinds.clone_from(&kinds);
            change.kinds = Some(kinds);
        }
        self.totals = totals.clone();
        // Told even if nothing has changed: who watches sees by it that the node is there.
        change.totals = Some(totals);
    }

    /// Nodes have written this down: their last events, of which some were told before. `fresh` says that they have just happened.
    pub(super) fn hear(&mut self, told: Vec<(String, Vec<EventRow>)>, fresh: bool, change: &mut Change) {
        let mut new = Vec::new();
        for (node, rows) in told {
            let last = self.heard.get(&node).copied();
            let rows: Vec<EventRow> =
                rows.into_iter().filter(|row| last.is_none_or(|last| row.number > last)).collect();
            if let (Some(last), Some(first)) = (last, rows.first()) {
                change.missed += first.number - last - 1;
            }
            if let Some(row) = rows.last() {
                self.heard.insert(node.clone(), row.number);
            }
            new.extend(rows.into_iter().map(|row| NodeEvent { by: node.clone(), row }));
        }
        new.sort_by_key(|entry| entry.row.at_unix_ms);
        if fresh {
            change.flows = flows(&new);
        }
        for entry in &new {
            if self.log.len() == LOG_MAX {
                self.log.pop_front();
            }
            self.log.push_back(entry.clone());
        }
        let beyond = new.len().saturating_sub(EVENTS_TOLD_MAX);
        change.missed += beyond as u64;
        change.events = new.split_off(beyond);
    }
}

/// Between which nodes workers went, the most of them first.
fn flows(entries: &[NodeEvent]) -> Vec<Flow> {
    let mut flows = BTreeMap::<(&str, &str), Flow>::new();
    for entry in entries {
        let Happened::Moved { name, to } = &entry.row.happened else { continue };
        let flow = flows.entry((&entry.by, to)).or_insert_with(|| Flow {
            from: entry.by.clone(),
            to: to.clone(),
            count: 0,
            name: name.clone(),
        });
        flow.count += 1;
    }
    let mut flows: Vec<_> = flows.into_values().collect();
    flows.sort_by_key(|flow| std::cmp::Reverse(flow.count));
    flows.truncate(FLOWS_TOLD_MAX);
    flows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(nodes: &[&str]) -> Vec<Seen> {
        nodes.iter().map(|node| Seen { node: (*node).to_owned(), leaving: false, weight: 100 }).collect()
    }

    fn owners(text: &str) -> Vec<Option<String>> {
        text.chars().map(|owner| (owner != '-').then(|| owner.to_string())).collect()
    }

    fn scene() -> Scene {
        Scene::new("bank".to_owned(), "a".to_owned(), true)
    }

    fn moved(number: u64, to: &str) -> EventRow {
        let happened = Happened::Moved { name: format!("n{number}"), to: to.to_owned() };
        EventRow { number, at_unix_ms: number, happened }
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let mut scene = scene();
        let first = scene.see(&seen(&["a", "b"]), &owners("abab"));
        assert_eq!((first.nodes.len(), first.roll.len(), first.owners.len()), (2, 2, 4));
        let none = scene.see(&seen(&["a", "b"]), &owners("abab"));
        assert!(none.nodes.is_empty() && none.owners.is_empty() && none.roll.is_empty() && none.gone.is_empty());
        let later = scene.see(&seen(&["a"]), &owners("aaab"));
        assert_eq!((later.gone, later.owners), (vec!["b".to_owned()], vec![(1, 0)]));
        assert_eq!(later.nodes.iter().map(|node| node.owns).collect::<Vec<_>>(), [3]);
        assert_eq!(scene.see(&seen(&["a"]), &owners("aa-a")).owners, [(2, NOBODY), (3, 0)]);
    }

    #[test]
    fn numbers_are_given_anew_before_they_run_out() {
        let mut scene = scene();
        for n in 0..=ROLL_MAX {
            let node = n.to_string();
            assert!(!scene.see(&seen(&[&node]), &[Some(node.clone())]).anew);
        }
        let change = scene.see(&seen(&["z"]), &owners("z"));
        assert!(change.anew && change.owners == [(0, 0)]);
    }

    #[test]
    fn an_event_is_told_once_and_what_was_missed_is_counted() {
        let mut scene = scene();
        let mut hear = |numbers: std::ops::Range<u64>, fresh| {
            let mut change = Change::default();
            let rows = numbers.map(|number| moved(number, "b")).collect();
            scene.hear(vec![("a".to_owned(), rows)], fresh, &mut change);
            (change.events.len(), change.missed, change.flows.first().map(|flow| flow.count))
        };
        assert_eq!(hear(0..3, false), (3, 0, None), "what is old moves no more");
        assert_eq!(hear(1..5, true), (2, 0, Some(2)));
        assert_eq!(hear(10..12, true), (2, 5, Some(2)));
        assert_eq!(hear(12..512, true), (EVENTS_TOLD_MAX, 500 - EVENTS_TOLD_MAX as u64, Some(500)));
        assert_eq!(scene.log.len(), LOG_MAX);
    }

    #[test]
    fn the_whole_is_json_with_numbers_for_owners() {
        let mut scene = scene();
        scene.see(&seen(&["a", "b"]), &owners("ab-"));
        let whole: serde_json::Value = serde_json::from_str(&scene.whole()).expect("it is JSON");
        assert_eq!(whole["owners"], serde_json::json!([0, 1, NOBODY]));
        assert_eq!((&whole["roll"], &whole["cluster"]), (&serde_json::json!(["a", "b"]), &"bank".into()));
    }
}
