//! Owns the records of a partition, found by their names. Never decides what stands in one.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rkyv::rancor::Fallible;
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};

use crate::directory::record::Record;
use crate::directory::rest::Note;
use crate::name::Name;

/// Records in the order of their names' hashes, which is the same on all nodes; those of one hash in that of their names.
///
/// A look-up compares numbers that stand side by side and then, nearly always, one name; in a tree of names it would
/// compare one name for each step. Names know themselves where they are (in their records), so a slot is two words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    slots: Vec<Slot>,
    /// What all records take on the wire together.
    bytes: usize,
    last: Last,
}

/// Where a name was found last: what is looked for is mostly looked for again. It is no part of a table's value.
#[derive(Debug, Default)]
struct Last(AtomicU32);

impl Clone for Last {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Last {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Last {}

/// The place of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    record: Record,
    /// A part of the name's hash.
    hash: u32,
    note: Note,
}

impl Table {
    /// A table grows by one part in so many: little that nobody uses, and not too many copies of the rest.
    const SPARE: usize = 4;

    /// So far from where it is expected a hash is looked for first: in tables of a hundred names it is seldom farther.
    const NEAR: usize = 4;

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// So many bytes all of them take on the wire, or a few less.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The record of a name.
    pub(super) fn get(&self, name: &Name) -> Option<&Record> {
        self.slot(name).map(|slot| &slot.record)
    }

    /// What is noted beside the record of a name.
    pub(super) fn note(&self, name: &Name) -> Option<&Note> {
        self.slot(name).map(|slot| &slot.note)
    }

    /// The record of a name, and what is noted beside it, to be changed.
    pub(super) fn noted(&mut self, name: &Name) -> Option<(&Record, &mut Note)> {
        let place = self.find(name).ok()?;
        self.slots.get_mut(place).map(|slot| (&slot.record, &mut slot.note))
    }

    /// Makes this the record of its name. Nothing is noted beside it then.
    pub(super) fn insert(&mut self, record: Record) {
        self.bytes += record.bytes();
        match self.find(record.name()) {
            Ok(place) => {
                self.bytes -= self.slots[place].record.bytes();
                (self.slots[place].record, self.slots[place].note) = (record, Note::default());
            }
            Err(place) => {
                if self.slots.len() == self.slots.capacity() {
                    self.slots.reserve_exact(self.slots.len() / Self::SPARE + 1);
                }
                self.slots.insert(place, Slot { hash: part(record.name()), record, note: Note::default() });
            }
        }
    }

    /// Forgets the record of a name.
    pub(super) fn remove(&mut self, name: &Name) {
        if let Ok(place) = self.find(name) {
            self.bytes -= self.slots.remove(place).record.bytes();
            if 2 * self.slots.len() < self.slots.capacity() {
                self.slots.shrink_to(self.slots.len() + self.slots.len() / Self::SPARE);
            }
        }
    }

    /// All records.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.slots.iter().map(|slot| &slot.record)
    }

    /// All names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.iter().map(Record::name)
    }

    /// All records with what is noted beside them.
    pub(super) fn notes(&self) -> impl Iterator<Item = (&Record, &Note)> {
        self.slots.iter().map(|slot| (&slot.record, &slot.note))
    }

    /// The same, to be changed.
    pub(super) fn notes_mut(&mut self) -> impl Iterator<Item = (&Record, &mut Note)> {
        self.slots.iter_mut().map(|slot| (&slot.record, &mut slot.note))
    }

    /// All records, to be changed in what is of no length: what they share with others.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        self.slots.iter_mut().map(|slot| &mut slot.record)
    }

    fn slot(&self, name: &Name) -> Option<&Slot> {
        self.slots.get(self.find(name).ok()?)
    }

    /// Where a name is, or where it belongs.
    fn find(&self, name: &Name) -> Result<usize, usize> {
        // A guess: whatever another thread has made of it is looked at before it is believed.
        let last = self.last.0.load(Ordering::Relaxed) as usize;
        if self.slots.get(last).is_some_and(|slot| slot.record.name() == name) {
            return Ok(last);
        }
        let hash = part(name);
        let near = self.near(hash);
        let place = self.slots[near.clone()]
            .binary_search_by(|slot| slot.hash.cmp(&hash).then_with(|| slot.record.name().cmp(name)));
        let place = place.map(|place| near.start + place).map_err(|place| near.start + place);
        self.last.0.store(place.unwrap_or_else(|place| place) as u32, Ordering::Relaxed);
        place
    }

    /// The slots among which a hash is, or belongs. Hashes are spread evenly, so it is looked for where it is to be expected,
    /// and from there in growing steps: nearly always within a line or two of the processor's cache.
    fn near(&self, hash: u32) -> Range<usize> {
        let count = self.slots.len();
        let expected = ((u64::from(hash) * count as u64) >> u32::BITS) as usize;
        let mut step = Self::NEAR;
        loop {
            let (low, high) = (expected.saturating_sub(step), expected + step);
            let not_before = low == 0 || self.slots[low].hash < hash;
            let not_behind = high >= count || self.slots[high].hash > hash;
            if not_before && not_behind {
                return low..high.min(count);
            }
            step *= 2;
        }
    }
}

/// The low half of a name's hash.
fn part(name: &Name) -> u32 {
    name.hash64().0 as u32
}

impl FromIterator<Record> for Table {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let slots = records.into_iter().map(|record| Slot { hash: part(record.name()), record, note: Note::default() });
        let mut slots: Vec<Slot> = slots.collect();
        slots.sort_by(|a, b| a.hash.cmp(&b.hash).then_with(|| a.record.name().cmp(b.record.name())));
        slots.dedup_by(|later, slot| later.record.name() == slot.record.name());
        slots.shrink_to_fit();
        let bytes = slots.iter().map(|slot| slot.record.bytes()).sum();
        Self { slots, bytes, last: Last::default() }
    }
}

/// Tables travel as lists of records. A receiver sorts for itself: what others send may have any order.
pub(super) struct AsList;

type List = Vec<Record>;

impl ArchiveWith<Table> for AsList {
    type Archived = <List as Archive>::Archived;
    type Resolver = <List as Archive>::Resolver;

    fn resolve_with(table: &Table, resolver: Self::Resolver, out: Place<Self::Archived>) {
        rkyv::vec::ArchivedVec::resolve_from_len(table.len(), resolver, out);
    }
}

impl<S> SerializeWith<Table, S> for AsList
where
    S: Fallible + rkyv::ser::Allocator + rkyv::ser::Writer + ?Sized,
    Record: Serialize<S>,
{
    fn serialize_with(table: &Table, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        rkyv::vec::ArchivedVec::<<Record as Archive>::Archived>::serialize_from_iter::<Record, _, _>(
            table.slots.iter().map(|slot| &slot.record),
            serializer,
        )
    }
}

impl<D> DeserializeWith<<List as Archive>::Archived, Table, D> for AsList
where
    D: Fallible + ?Sized,
    <Record as Archive>::Archived: Deserialize<Record, D>,
{
    fn deserialize_with(list: &<List as Archive>::Archived, deserializer: &mut D) -> Result<Table, D::Error> {
        list.iter().map(|record| record.deserialize(deserializer)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::directory::tests::merge::registration;
    use crate::directory::{Rid, Stamp};

    /// Two pairs of names, each of one hash as far as tables know it, and others.
    static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| {
        let mut by_hash: HashMap<u32, Name> = HashMap::new();
        let pairs = (0..400_000_u32).filter_map(|n| {
            let name = Name::from(n);
            let twin = by_hash.insert(part(&name), name.clone())?;
            Some([twin, name])
        });
        let twins: Vec<Name> = pairs.take(2).flatten().collect();
        assert_eq!(twins.len(), 4, "among so many names some hashes meet");
        twins.into_iter().chain((0..20).map(|n| Name::from(format!("n{n}")))).collect()
    });

    fn record(name: &Name, seq: u64) -> Record {
        let ver = Stamp { seq, ..Stamp::default() };
        Record::new(name.clone(), registration(Rid(ver), ver))
    }

    fn by_hash(records: &BTreeMap<Name, Record>) -> Vec<&Record> {
        let mut sorted: Vec<&Record> = records.values().collect();
        sorted.sort_by_key(|record| (part(record.name()), record.name()));
        sorted
    }

    #[test]
    fn a_table_that_shrinks_keeps_no_more_than_twice_its_room() {
        for most in 1..=NAMES.len() {
            let mut table = Table::default();
            NAMES[..most].iter().for_each(|name| table.insert(record(name, 1)));
            for name in &NAMES[..most] {
                table.remove(name);
                let (len, capacity) = (table.len(), table.slots.capacity());
                assert!(capacity <= 2 * len.max(2), "{capacity} for {len} of {most}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_table_is_a_map_in_the_order_of_hashes(steps in prop::collection::vec((0..24usize, 0..4u64), 0..200)) {
            let names = &*NAMES;
            let (mut table, mut map) = (Table::default(), BTreeMap::new());
            for (name, seq) in steps {
                let name = &names[name];
                if seq == 0 {
                    table.remove(name);
                    map.remove(name);
                } else {
                    table.insert(record(name, seq));
                    map.insert(name.clone(), record(name, seq));
                }
                prop_assert!(names.iter().all(|name| table.get(name) == map.get(name)));
            }
            prop_assert_eq!(table.len(), map.len());
            prop_assert_eq!(table.bytes(), map.values().map(Record::bytes).sum::<usize>());
            prop_assert_eq!(table.iter().collect::<Vec<_>>(), by_hash(&map));
            prop_assert!(table.slots.capacity() <= 2 * table.len().max(2));

            // From any order, and whatever comes twice, it becomes the same table.
            let twice = map.values().chain(map.values()).cloned();
            prop_assert_eq!(&twice.collect::<Table>(), &table);
            let copy = crate::directory::Copy { records: table, ..Default::default() };
            let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(&copy).expect("a copy can be encoded");
            let back = rkyv::from_bytes::<crate::directory::Copy, rkyv::rancor::Error>(&bytes);
            prop_assert_eq!(back.expect("it was encoded above"), copy);
        }
    }

    #[test]
    fn what_is_noted_belongs_to_one_record_of_one_table() {
        let names = &*NAMES;
        let mut table: Table = names.iter().map(|name| record(name, 1)).collect();
        let none = Note::default();
        for name in names {
            *table.noted(name).expect("it was put there above").1 = Note::full();
        }
        let is_noted = |table: &Table, name: &Name| table.note(name).is_some_and(|note| !note.is_same(&none));
        assert!(names.iter().all(|name| is_noted(&table, name)));
        table.remove(&names[0]);
        table.insert(record(&names[1], 2));
        assert!(!is_noted(&table, &names[0]) && !is_noted(&table, &names[1]), "a new record is not noted");
        assert!(names[2..].iter().all(|name| is_noted(&table, name)), "those of others stay");
        let copy = table.clone();
        assert_eq!(copy, table, "notes are no part of its value");
        assert!(names.iter().all(|name| !is_noted(&copy, name)), "and are not copied");
    }

    #[test]
    fn a_slot_is_two_words() {
        assert_eq!(size_of::<Slot>(), 16);
    }
}
