//! What is known of each rep of a set, kept for those alone: where many skills have few reps each, room for everybody
//! would be most of the memory. Must not know what is known.

use super::reps::RepSet;

/// A set of reps by their index in the roster, with a value of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepTable<Value> {
    reps: RepSet,
    /// Of each word of the set how many reps there are in those before it.
    before: Box<[u32]>,
    /// In order of the reps.
    values: Box<[Value]>,
}

impl<Value: Copy> RepTable<Value> {
    /// Of as many reps as there are values, which say nothing of those who are not in the set.
    pub(crate) fn of_those(values: &[Option<Value>]) -> Self {
        let mut reps = RepSet::with_room_for(values.len());
        let there = values.iter().enumerate();
        there
            .filter(|(_, value)| value.is_some())
            .for_each(|(rep, _)| reps.insert(rep));
        Self {
            before: reps.counts_before(),
            reps,
            values: values.iter().flatten().copied().collect(),
        }
    }

    /// Of each rep.
    pub(crate) fn get(&self, rep: usize) -> Option<Value> {
        let (word, before) = self.reps.rank(rep)?;
        let place = *self.before.get(word)? + before;
        self.values.get(place as usize).copied()
    }

    pub(crate) fn reps(&self) -> &RepSet {
        &self.reps
    }

    /// Each rep in order.
    pub(crate) fn for_each(&self, mut what: impl FnMut(usize, Value)) {
        let mut values = self.values.iter();
        self.reps.for_each(|rep| {
            if let Some(value) = values.next() {
                what(rep, *value);
            }
        });
    }

    /// Each rep in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, Value)> + '_ {
        let reps = self.reps.in_both(&self.reps);
        reps.zip(self.values.iter().copied())
    }
}

impl<Value> Default for RepTable<Value> {
    fn default() -> Self {
        Self {
            reps: RepSet::default(),
            before: Box::default(),
            values: Box::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::RepTable;

    proptest! {
        #[test]
        fn a_table_knows_what_a_list_of_everybody_would(
            all in prop::collection::vec(prop::option::of(any::<u16>()), 0..300),
        ) {
            let table = RepTable::of_those(&all);
            for rep in 0..all.len() + 70 {
                prop_assert_eq!(table.get(rep), all.get(rep).copied().flatten());
                prop_assert_eq!(table.reps().contains(rep), table.get(rep).is_some());
            }
            let known = all.iter().enumerate().filter_map(|(rep, value)| Some((rep, (*value)?)));
            let known: Vec<(usize, u16)> = known.collect();
            prop_assert_eq!(table.iter().collect::<Vec<_>>(), known.clone());
            let mut each = Vec::new();
            table.for_each(|rep, value| each.push((rep, value)));
            prop_assert_eq!(each, known);
        }
    }
}
