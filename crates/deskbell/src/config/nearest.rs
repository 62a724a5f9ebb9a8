//! Which known word somebody meant who wrote an unknown one. Must not know what the words stand for.

/// The clause that ends a sentence about an unknown word: the word probably meant, else the words there are.
pub(super) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(meant) = nearest(word, &known) {
        return format!("; did you mean {meant}?");
    }
    if known.is_empty() || known.len() > LIST_LIMIT {
        return String::new();
    }
    format!("; known: {}", known.join(", "))
}

/// Words worth listing; more would bury the sentence.
const LIST_LIMIT: usize = 12;

fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = word.chars().count().div_ceil(3);
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, delete or replace to make one word of the other, whatever the case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        let mut next = vec![left];
        for (up, candidate) in row.iter().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(letter != *candidate);
            left = replaced.min(left + 1).min(up + 1);
            diagonal = *up;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("camera", "cameras", 1),
            ("cameras", "camera", 1),
            ("lense", "lenses", 1),
            ("kitten", "sitting", 3),
            ("SIP", "sip", 0),
            ("abc", "", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn near_word_is_suggested_else_the_words_are_listed() {
        let known = ["cameras", "lenses"];
        assert_eq!(hint("camera", known), "; did you mean cameras?");
        assert_eq!(hint("printing", known), "; known: cameras, lenses");
        assert_eq!(hint("printing", []), "");
    }
}
