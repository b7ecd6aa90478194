//! Owns a sorted map that nearly always has no entry or one, and then takes no memory of its own. As a partition's names
//! come and go, a tree would ask for a leaf for each, with room for eleven. Never knows what it holds.

use std::collections::{BTreeMap, btree_map};

/// A map in the order of its keys.
#[derive(Debug)]
pub(super) struct Few<K, V> {
    /// The entry with the least key.
    first: Option<(K, V)>,
    /// All others.
    others: BTreeMap<K, V>,
}

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self { first: None, others: BTreeMap::new() }
    }
}

impl<K: Ord, V> Few<K, V> {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.others.len()
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        match &self.first {
            Some((first, value)) if first == key => Some(value),
            Some(_) if !self.others.is_empty() => self.others.get(key),
            Some(_) | None => None,
        }
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.first {
            Some((first, value)) if first == key => Some(value),
            Some(_) if !self.others.is_empty() => self.others.get_mut(key),
            Some(_) | None => None,
        }
    }

    /// Makes this the value of the key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match &mut self.first {
            Some(first) if first.0 < key => {
                self.others.insert(key, value);
            }
            Some(first) if first.0 == key => first.1 = value,
            Some(_) | None => {
                let later = self.first.replace((key, value));
                self.others.extend(later);
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        match &self.first {
            Some((first, _)) if first == key => self.pop_first().map(|(_, value)| value),
            Some(_) if !self.others.is_empty() => self.others.remove(key),
            Some(_) | None => None,
        }
    }

    /// The entry with the least key.
    pub(super) fn first(&self) -> Option<(&K, &V)> {
        self.first.as_ref().map(|(key, value)| (key, value))
    }

    /// Takes the entry with the least key out.
    pub(super) fn pop_first(&mut self) -> Option<(K, V)> {
        std::mem::replace(&mut self.first, self.others.pop_first())
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.others.retain(&mut keep);
        if self.first.as_mut().is_some_and(|(key, value)| !keep(key, value)) {
            self.pop_first();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.first().into_iter().chain(&self.others)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let first = self.first.as_mut().map(|(key, value)| (&*key, value));
        first.into_iter().chain(&mut self.others)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }
}

/// A set.
impl<K: Ord> Extend<K> for Few<K, ()> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        keys.into_iter().for_each(|key| self.insert(key, ()));
    }
}

impl<K, V> IntoIterator for Few<K, V> {
    type Item = (K, V);
    type IntoIter = std::iter::Chain<std::option::IntoIter<(K, V)>, btree_map::IntoIter<K, V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u8, u8),
        Change(u8, u8),
        Remove(u8),
        PopFirst,
        RetainAbove(u8),
        AddToAll(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        let key = 0..5u8;
        prop_oneof![
            (key.clone(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
            (key.clone(), any::<u8>()).prop_map(|(key, value)| Step::Change(key, value)),
            key.prop_map(Step::Remove),
            Just(Step::PopFirst),
            any::<u8>().prop_map(Step::RetainAbove),
            any::<u8>().prop_map(Step::AddToAll),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_map(steps in prop::collection::vec(step(), 0..60)) {
            let (mut few, mut map) = (Few::default(), BTreeMap::new());
            for step in steps {
                match step {
                    Step::Insert(key, value) => {
                        few.insert(key, value);
                        map.insert(key, value);
                    }
                    Step::Change(key, value) => {
                        few.get_mut(&key).into_iter().for_each(|old| *old = value);
                        map.get_mut(&key).into_iter().for_each(|old| *old = value);
                    }
                    Step::Remove(key) => prop_assert_eq!(few.remove(&key), map.remove(&key)),
                    Step::PopFirst => prop_assert_eq!(few.pop_first(), map.pop_first()),
                    Step::RetainAbove(least) => {
                        few.retain(|_, value| *value > least);
                        map.retain(|_, value| *value > least);
                    }
                    Step::AddToAll(more) => {
                        few.iter_mut().for_each(|(key, value)| *value = value.wrapping_add(more ^ key));
                        map.iter_mut().for_each(|(key, value)| *value = value.wrapping_add(more ^ key));
                    }
                }
                prop_assert!(few.iter().eq(&map));
                prop_assert!(few.keys().eq(map.keys()));
                prop_assert_eq!(few.first(), map.first_key_value());
                prop_assert_eq!((few.len(), few.is_empty()), (map.len(), map.is_empty()));
                prop_assert!((0..5).all(|key| few.get(&key) == map.get(&key)));
                prop_assert!((0..5).all(|key| few.contains_key(&key) == map.contains_key(&key)));
            }
            prop_assert!(few.into_iter().eq(map));
        }
    }
}
