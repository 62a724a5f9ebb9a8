//! Sets of reps as bits, so that a choice among a thousand is a few machine words.
//! Must not know what a rep is.

/// A set of reps by their index in the roster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct RepSet {
    words: Vec<u64>,
}

const BITS: usize = 64;
/// Reps whose kinds are fewer to look at than all kinds.
const FEW: usize = 4;

impl RepSet {
    /// An empty set with room for `reps` of them.
    pub(crate) fn with_room_for(reps: usize) -> Self {
        Self {
            words: vec![0; reps.div_ceil(BITS)],
        }
    }

    pub(crate) fn insert(&mut self, rep: usize) {
        if let Some(word) = self.words.get_mut(rep / BITS) {
            *word |= 1 << (rep % BITS);
        }
    }

    pub(crate) fn remove(&mut self, rep: usize) {
        if let Some(word) = self.words.get_mut(rep / BITS) {
            *word &= !(1 << (rep % BITS));
        }
    }

    /// Takes all out.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(crate) fn contains(&self, rep: usize) -> bool {
        self.words
            .get(rep / BITS)
            .is_some_and(|word| word & (1 << (rep % BITS)) != 0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.words
            .iter()
            .zip(&other.words)
            .any(|(one, other)| one & other != 0)
    }

    pub(crate) fn count(&self) -> usize {
        let words = self.words.iter();
        words.map(|word| word.count_ones() as usize).sum()
    }

    /// How many are in both sets.
    pub(crate) fn count_in_both(&self, other: &Self) -> u32 {
        let words = self.words.iter().zip(&other.words);
        words.map(|(one, other)| (one & other).count_ones()).sum()
    }

    /// The reps in both sets, ascending.
    pub(crate) fn in_both<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let words = self.words.iter().zip(&other.words).enumerate();
        words.flat_map(|(index, (one, other))| bits(one & other, index * BITS))
    }

    /// The word that a rep of the set is in, and how many reps come before it there.
    pub(crate) fn rank(&self, rep: usize) -> Option<(usize, u32)> {
        let (index, bit) = (rep / BITS, 1_u64 << (rep % BITS));
        let word = *self.words.get(index)?;
        (word & bit != 0).then(|| (index, (word & (bit - 1)).count_ones()))
    }

    /// Of each word how many reps there are in those before it.
    pub(crate) fn counts_before(&self) -> Box<[u32]> {
        let mut before = 0;
        let words = self.words.iter();
        let counts = words.map(|word| {
            before += word.count_ones();
            before - word.count_ones()
        });
        counts.collect()
    }

    /// Each rep in order; where there are many this is quicker than an iterator.
    pub(crate) fn for_each(&self, mut what: impl FnMut(usize)) {
        for (index, &word) in self.words.iter().enumerate() {
            let mut left = word;
            while left != 0 {
                what(index * BITS + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }

    /// Takes in the other set's reps; both have the same room.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// The only reps in the set, where they are few.
    pub(crate) fn few(&self) -> Option<impl Iterator<Item = usize> + '_> {
        let mut words = self.words.iter();
        let count = words.try_fold(0, |count, word| {
            let count = count + word.count_ones() as usize;
            (count <= FEW).then_some(count)
        });
        count.map(|_| self.in_both(self))
    }

    /// Takes the other set's reps; both have the same room.
    pub(crate) fn copy(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
    }
}

fn bits(mut word: u64, base: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros() as usize;
        word &= word - 1;
        Some(base + bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(reps: &[usize]) -> RepSet {
        let mut set = RepSet::with_room_for(200);
        for &rep in reps {
            set.insert(rep);
        }
        set
    }

    #[test]
    fn reps_come_out_in_order_once_each() {
        let set = set(&[130, 0, 63, 64, 64]);
        let reps: Vec<usize> = set.in_both(&set).collect();
        assert_eq!(reps, [0, 63, 64, 130]);
    }

    #[test]
    fn two_sets_meet_where_both_have_a_rep() {
        let (one, other) = (set(&[1, 70, 199]), set(&[2, 70, 199]));
        assert_eq!(one.in_both(&other).collect::<Vec<_>>(), [70, 199]);
        assert!(one.meets(&other));
        assert!(!set(&[1]).meets(&set(&[2])));
    }

    #[test]
    fn a_rep_beyond_the_room_is_in_no_set() {
        assert!(!set(&[500]).contains(500));
    }
}
