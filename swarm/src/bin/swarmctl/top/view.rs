//! Owns what is shown, and what keys do to it. Never draws, and never asks anybody.

use std::time::{Duration, Instant};

use swarm::admin::Worker;

use super::keys::Key;
use super::look::Look;
use super::{nodes, workers};

/// For how long news are shown.
const NEWS_SHOWN: Duration = Duration::from_secs(20);

/// How far a page goes.
const PAGE: usize = 10;

/// The longest filter: longer than a name that one types.
const FILTER_MAX: usize = 64;

/// Which of the two tables keys go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Table {
    #[default]
    Nodes,
    Workers,
}

/// What is looked into.
#[derive(Debug, Default)]
pub(super) enum Into {
    /// Both tables.
    #[default]
    All,
    Node(String),
    /// A worker, and what is known of it, once it is.
    Worker(String, Option<Result<Box<Worker>, String>>),
}

/// What is to be done after a key or a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum After {
    Stay,
    /// From now on this worker is looked into as well, or none.
    LookInto(Option<String>),
    Quit,
}

/// The screen's content.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) cluster: String,
    pub(super) nodes: nodes::Lines,
    pub(super) workers: workers::Lines,
    pub(super) table: Table,
    pub(super) into: Into,
    /// The selected row of the table that keys go to, by what it is: rows change places.
    pub(super) selected: Option<String>,
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) typing: bool,
    pub(super) help: bool,
    /// By how many lines what is looked into is moved up.
    pub(super) scroll: u16,
    /// Why nothing is seen any more.
    pub(super) blind: Option<String>,
    news: Option<(Instant, String)>,
    /// Nothing was seen yet.
    pub(super) fresh: bool,
}

impl View {
    pub(super) fn new(cluster: String, order: nodes::Order) -> Self {
        Self { cluster, nodes: nodes::Lines::new(order), fresh: true, ..Self::default() }
    }

    /// Takes a look in.
    pub(super) fn see(&mut self, look: Look, now: Instant) -> After {
        let (nodes, busiest, worker) = match look {
            Look::Seen { nodes, busiest, worker } => (nodes, busiest, worker),
            Look::Failed(failure) => {
                self.blind = Some(failure.told(false));
                return After::Stay;
            }
        };
        (self.blind, self.fresh) = (None, false);
        let (came, went) = self.nodes.see(nodes, now);
        self.workers.see(busiest);
        let came = came.iter().map(|node| format!("{node} has come"));
        let went = went.iter().map(|node| format!("{node} is gone"));
        let news: Vec<String> = went.chain(came).collect();
        if !news.is_empty() {
            self.news = Some((now, news.join(", ")));
        }
        if let (Into::Worker(name, known), Some((told, worker))) = (&mut self.into, worker)
            && *name == told
        {
            *known = Some(worker);
        }
        After::Stay
    }

    /// What has happened lately.
    pub(super) fn news(&self, now: Instant) -> Option<&str> {
        self.news.as_ref().filter(|(at, _)| now.duration_since(*at) < NEWS_SHOWN).map(|(_, text)| text.as_str())
    }

    /// What stands in the table that keys go to, in order.
    fn rows(&self) -> Vec<String> {
        match self.table {
            Table::Nodes => self.nodes.shown(&self.filter).iter().map(|line| line.row.node.clone()).collect(),
            Table::Workers => self.workers.shown(&self.filter).iter().map(|line| line.row.name.clone()).collect(),
        }
    }

    /// Where the selected row stands.
    pub(super) fn place(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.rows().iter().position(|row| row == selected)
    }

    fn select(&mut self, place: impl FnOnce(Option<usize>, usize) -> usize) {
        let rows = self.rows();
        let Some(last) = rows.len().checked_sub(1) else { return };
        let place = place(self.place(), last).min(last);
        self.selected = rows.into_iter().nth(place);
    }

    pub(super) fn key(&mut self, key: Key) -> After {
        if key == Key::Interrupt {
            return After::Quit;
        }
        if self.typing {
            return self.type_filter(key);
        }
        if std::mem::take(&mut self.help) {
            return After::Stay;
        }
        match (key, &self.into) {
            (Key::Letter('q'), _) => return After::Quit,
            (Key::Letter('?' | 'h'), _) => self.help = true,
            (_, Into::Node(_) | Into::Worker(..)) => return self.key_inside(key),
            (Key::Escape, Into::All) => {
                (self.filter, self.selected) = (String::new(), None);
            }
            (Key::Letter('/'), Into::All) => self.typing = true,
            (Key::Letter('s'), Into::All) => self.nodes.order = self.nodes.order.next(),
            (Key::Letter('r'), Into::All) => self.nodes.reversed = !self.nodes.reversed,
            (Key::Tab, Into::All) => {
                let other = match self.table {
                    Table::Nodes => Table::Workers,
                    Table::Workers => Table::Nodes,
                };
                (self.table, self.selected) = (other, None);
                self.select(|_, _| 0);
            }
            (Key::Down | Key::Letter('j'), Into::All) => self.select(|at, _| at.map_or(0, |at| at + 1)),
            (Key::Up | Key::Letter('k'), Into::All) => self.select(|at, _| at.map_or(0, |at| at.saturating_sub(1))),
            (Key::PageDown, Into::All) => self.select(|at, _| at.map_or(0, |at| at + PAGE)),
            (Key::PageUp, Into::All) => self.select(|at, _| at.map_or(0, |at| at.saturating_sub(PAGE))),
            (Key::Home, Into::All) => self.select(|_, _| 0),
            (Key::End, Into::All) => self.select(|_, last| last),
            (Key::Enter, Into::All) => return self.enter(),
            (Key::Letter(_) | Key::Backspace | Key::Interrupt | Key::Resized, Into::All) => {}
        }
        After::Stay
    }

    /// While one row is looked into.
    fn key_inside(&mut self, key: Key) -> After {
        match key {
            Key::Escape | Key::Backspace | Key::Enter => {
                (self.into, self.scroll) = (Into::All, 0);
                return After::LookInto(None);
            }
            Key::Down | Key::Letter('j') => self.scroll = self.scroll.saturating_add(1),
            Key::Up | Key::Letter('k') => self.scroll = self.scroll.saturating_sub(1),
            Key::PageDown => self.scroll = self.scroll.saturating_add(PAGE as u16),
            Key::PageUp => self.scroll = self.scroll.saturating_sub(PAGE as u16),
            Key::Home => self.scroll = 0,
            Key::Letter(_) | Key::End | Key::Tab | Key::Interrupt | Key::Resized => {}
        }
        After::Stay
    }

    fn type_filter(&mut self, key: Key) -> After {
        match key {
            Key::Enter => self.typing = false,
            Key::Escape => (self.typing, self.filter) = (false, String::new()),
            Key::Backspace => drop(self.filter.pop()),
            Key::Letter(letter) if self.filter.len() < FILTER_MAX => self.filter.push(letter),
            Key::Letter(_) | Key::Up | Key::Down | Key::PageUp | Key::PageDown | Key::Home => {}
            Key::End | Key::Tab | Key::Interrupt | Key::Resized => {}
        }
        After::Stay
    }

    /// Looks into the selected row, or the first.
    fn enter(&mut self) -> After {
        if self.place().is_none() {
            self.select(|_, _| 0);
        }
        let Some(selected) = self.selected.clone() else { return After::Stay };
        self.scroll = 0;
        match self.table {
            Table::Nodes => {
                self.into = Into::Node(selected);
                After::Stay
            }
            Table::Workers => {
                self.into = Into::Worker(selected.clone(), None);
                After::LookInto(Some(selected))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use swarm::admin::{Busiest, BusyRow, NodeRow, Nodes};

    use super::*;

    fn seen(nodes: &[&str], workers: &[&str]) -> View {
        let (mut all, mut busiest) = (Nodes::default(), Busiest::default());
        all.nodes = nodes
            .iter()
            .map(|name| {
                let mut row = NodeRow::default();
                (row.node, row.answered) = ((*name).to_owned(), true);
                row
            })
            .collect();
        busiest.workers = workers
            .iter()
            .map(|name| {
                let mut row = BusyRow::default();
                row.name = (*name).to_owned();
                row
            })
            .collect();
        let mut view = View::new("c".to_owned(), nodes::Order::Node);
        view.see(Look::Seen { nodes: all, busiest, worker: None }, Instant::now());
        view
    }

    #[test]
    fn keys_walk_the_rows_and_look_into_them() {
        let mut view = seen(&["a", "b"], &["w1", "w2"]);
        for (key, selected) in [(Key::Down, "a"), (Key::Down, "b"), (Key::Down, "b"), (Key::Up, "a"), (Key::End, "b")] {
            assert_eq!(view.key(key), After::Stay);
            assert_eq!(view.selected.as_deref(), Some(selected), "{key:?}");
        }
        view.key(Key::Enter);
        assert!(matches!(&view.into, Into::Node(node) if node == "b"));
        assert_eq!(view.key(Key::Escape), After::LookInto(None));
        view.key(Key::Tab);
        assert_eq!(view.key(Key::Enter), After::LookInto(Some("w1".to_owned())));
        assert!(matches!(&view.into, Into::Worker(name, None) if name == "w1"));
        assert_eq!(view.key(Key::Letter('q')), After::Quit);
    }

    #[test]
    fn a_filter_is_typed_kept_and_taken_back() {
        let mut view = seen(&["alpha", "beta"], &["alpine"]);
        for key in [Key::Letter('/'), Key::Letter('a'), Key::Letter('l'), Key::Letter('q'), Key::Backspace, Key::Enter]
        {
            assert_eq!(view.key(key), After::Stay, "letters are text while it is typed");
        }
        assert_eq!((view.filter.as_str(), view.rows()), ("al", vec!["alpha".to_owned()]));
        view.key(Key::Escape);
        assert_eq!(view.rows().len(), 2);
        view.key(Key::Letter('/'));
        (0..1000).for_each(|_| drop(view.key(Key::Letter('x'))));
        assert_eq!(view.filter.len(), FILTER_MAX);
        assert_eq!(view.key(Key::Interrupt), After::Quit, "at any time");
    }

    #[test]
    fn the_selected_row_is_followed_wherever_it_stands() {
        let mut view = seen(&["a", "b"], &[]);
        view.key(Key::End);
        assert_eq!(view.place(), Some(1));
        view.key(Key::Letter('r'));
        assert_eq!((view.selected.as_deref(), view.place()), (Some("b"), Some(0)));
    }
}
