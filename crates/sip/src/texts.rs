//! A fixed number of texts in one piece of memory, because what is kept by the ten thousand is many short texts.
//! Must not know what they say.

/// `N` texts, one after the other in one allocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Texts<const N: usize> {
    all: Box<str>,
    /// Where each of them ends.
    ends: [u32; N],
}

impl<const N: usize> Texts<N> {
    /// These texts. What goes beyond 4 GiB of them is cut off.
    pub(crate) fn new(texts: [&str; N]) -> Self {
        let mut end = 0;
        let ends = texts.map(|text| {
            end += text.len();
            u32::try_from(end).unwrap_or(u32::MAX)
        });
        Self {
            all: texts.concat().into(),
            ends,
        }
    }

    /// The text in this place; empty where there is none.
    pub(crate) fn text(&self, place: usize) -> &str {
        let end_of = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        let start = place.checked_sub(1).map_or(0, end_of);
        self.all.get(start..end_of(place)).unwrap_or_default()
    }

    /// Puts another text in this place.
    pub(crate) fn replace(&mut self, place: usize, text: &str) {
        if self.text(place) != text {
            let mut texts = std::array::from_fn(|place| self.text(place));
            if let Some(old) = texts.get_mut(place) {
                *old = text;
            }
            *self = Self::new(texts);
        }
    }

    /// Bytes of all of them.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop};

    use super::Texts;

    proptest::proptest! {
        #[test]
        fn each_text_is_found_in_its_place(texts in prop::array::uniform4(any::<String>()), place in 0..4_usize, new: String) {
            let mut kept = Texts::new([&*texts[0], &*texts[1], &*texts[2], &*texts[3]]);
            let mut expected = texts;
            for replaced in [false, true] {
                if replaced {
                    kept.replace(place, &new);
                    expected[place] = new.clone();
                }
                for (place, text) in expected.iter().enumerate() {
                    proptest::prop_assert_eq!(kept.text(place), text);
                }
                proptest::prop_assert_eq!(kept.text(4), "");
                proptest::prop_assert_eq!(kept.len(), expected.concat().len());
            }
        }
    }
}
