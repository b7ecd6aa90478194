//! Owns the values that many records have in common, so that each stands in memory once.
//! Never decides anything: a value is the same whether it is shared or not.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::directory::record::Setting;
use crate::directory::stamp::Lead;

/// What the records of one node share.
#[derive(Debug, Default)]
pub(super) struct Pool {
    settings: Shared<Setting>,
    leads: Shared<Lead>,
}

/// Equal values, each once.
#[derive(Debug)]
struct Shared<T> {
    values: BTreeSet<Arc<T>>,
    /// What was asked for last is mostly asked for next.
    last: Option<Arc<T>>,
    /// When there are so many, those that nobody has any more are forgotten.
    tidy_at: usize,
}

impl Pool {
    /// The one of these settings that all share.
    pub(super) fn setting(&mut self, setting: &Arc<Setting>) -> Arc<Setting> {
        self.settings.get(setting)
    }

    /// The same of one that nobody has yet.
    pub(super) fn new_setting(&mut self, setting: Setting) -> Arc<Setting> {
        self.settings.make(setting)
    }

    /// The one of these beginnings of numbers that all share.
    pub(super) fn lead(&mut self, lead: &Arc<Lead>) -> Arc<Lead> {
        self.leads.get(lead)
    }

    /// The same of one that nobody has yet.
    pub(super) fn new_lead(&mut self, lead: Lead) -> Arc<Lead> {
        self.leads.make(lead)
    }
}

impl<T: Ord> Shared<T> {
    /// So many are kept without a look at who has them: a cluster has about as many nodes and classes of workers, and few of them make a term at a time.
    const FEW: usize = 64;

    fn get(&mut self, value: &Arc<T>) -> Arc<T> {
        self.find(value).unwrap_or_else(|| self.keep(value.clone()))
    }

    fn make(&mut self, value: T) -> Arc<T> {
        self.find(&value).unwrap_or_else(|| self.keep(Arc::new(value)))
    }

    fn find(&mut self, value: &T) -> Option<Arc<T>> {
        if let Some(last) = self.last.as_ref().filter(|last| ***last == *value) {
            return Some(last.clone());
        }
        self.last = Some(self.values.get(value)?.clone());
        self.last.clone()
    }

    fn keep(&mut self, value: Arc<T>) -> Arc<T> {
        if self.values.len() >= self.tidy_at {
            self.values.retain(|value| Arc::strong_count(value) > 1);
            self.tidy_at = Self::FEW.max(2 * self.values.len());
        }
        self.values.insert(value.clone());
        value
    }
}

impl<T: Ord> Default for Shared<T> {
    fn default() -> Self {
        Self { values: BTreeSet::new(), last: None, tidy_at: Self::FEW }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one() {
        let mut pool = Shared::default();
        let (one, same) = (pool.get(&Arc::new(7)), pool.get(&Arc::new(7)));
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &pool.get(&Arc::new(8))));
    }

    #[test]
    fn what_nobody_has_is_forgotten() {
        let mut pool = Shared::default();
        let kept: Vec<Arc<usize>> = (0..100).map(|n| pool.get(&Arc::new(n))).collect();
        for n in 100..100_000 {
            drop(pool.get(&Arc::new(n)));
            assert!(pool.values.len() <= 200, "only what is in use and as much again");
        }
        assert!(kept.iter().all(|value| Arc::ptr_eq(value, &pool.get(value))));
    }
}
