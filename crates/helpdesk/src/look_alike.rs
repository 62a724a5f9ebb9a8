//! Names that a reader takes for one another. Must not know whose they are.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Letters of other scripts and signs that look like these, from Unicode's table of confusables (UTS #39 §4), as far as
/// they are found in the names of people.
const DOUBLES: [(char, &str); 22] = [
    ('a', "аɑα"),
    ('b', "вьβ"),
    ('c', "сς"),
    ('d', "ԁ"),
    ('e', "еєε"),
    ('g', "ɡԍ"),
    ('h', "һнη"),
    ('i', "іıιӏl1|!"),
    ('j', "јϳ"),
    ('k', "кκ"),
    ('m', "мμ"),
    ('n', "пո"),
    ('o', "оοօ0"),
    ('p', "рρ"),
    ('q', "ԛ"),
    ('r', "гᴦ"),
    ('s', "ѕ5$"),
    ('t', "тτ"),
    ('v', "νѵ"),
    ('w', "ԝω"),
    ('x', "хχ"),
    ('y', "уγυ"),
];

/// Whether a reader could take one name for the other. Nothing visible is like nothing.
pub(crate) fn look_alike(one: &str, other: &str) -> bool {
    let one = skeleton(one);
    !one.is_empty() && one == skeleton(other)
}

/// What is left of a name for a hasty eye: no case, no accents, no spaces or signs, one letter of those that look alike.
fn skeleton(name: &str) -> String {
    let plain = name.nfkd().filter(|sign| !is_combining_mark(*sign));
    let small = plain.flat_map(char::to_lowercase).map(fold);
    small.filter(|sign| sign.is_alphanumeric()).collect()
}

fn fold(sign: char) -> char {
    let double = DOUBLES.iter().find(|(_, doubles)| doubles.contains(sign));
    double.map_or(sign, |(letter, _)| *letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundreds_of_names_are_taken_for_those_of_reps() {
        let mut tried = 0;
        for name in [
            "Alice",
            "Bob",
            "Carol",
            "Dave",
            "Erin",
            "Maximilian",
            "Katherine",
        ] {
            for (place, letter) in name.char_indices() {
                let small = letter.to_ascii_lowercase();
                let doubles = DOUBLES.iter().find(|(known, _)| *known == small);
                for double in doubles.map_or("", |(_, doubles)| *doubles).chars() {
                    let (before, after) = (&name[..place], &name[place + 1..]);
                    for written in [
                        format!("{before}{double}{after}"),
                        format!("{before} {double}.{after}"),
                        format!("{before}{double}\u{301}{after}"),
                    ] {
                        tried += 1;
                        assert!(look_alike(&written, name), "{written:?} {name}");
                    }
                }
            }
        }
        assert!(tried >= 250, "{tried}");
    }

    #[test]
    fn what_a_hasty_eye_takes_for_one_another_is_alike() {
        for double in [
            "alice",
            "ALICE",
            " Alice ",
            "A l i c e",
            "Аlice",
            "Аӏісе",
            "al1ce",
            "a|ice",
            "Àlïcé",
            "ａｌｉｃｅ",
            "𝐀𝐥𝐢𝐜𝐞",
            "Ⓐⓛⓘⓒⓔ",
            "A\u{200b}lice",
            "\u{202e}Alice",
            "A.l.i.c.e",
            "Αlιϲε",
            "_Alice_",
        ] {
            assert!(look_alike(double, "Alice"), "{double:?}");
        }
        for other in ["Alicia", "Al", "", "...", "Malice", "Alice Noor", "Zoë"] {
            assert!(!look_alike(other, "Alice"), "{other:?}");
        }
        assert!(!look_alike("", "..."));
    }
}
