//! SQL is made of constants alone: what a program was given is bound, never written into a statement.
//! Must not know the statements.

use crate::files::{SourceFile, file};

/// Where statements are.
const STORE: &str = "crates/storage/src/";

/// What a statement begins with, or has.
const WORDS: [&str; 9] = [
    "SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE ", "ALTER ", "DROP ", " WHERE ", "COPY ",
];

/// Pieces of a statement that are `&'static str` by their type where they are, and the number of a step of the schema.
const PIECES: [&str; 4] = ["columns", "which", "step", "number"];

/// Statements into which something is written that is neither a constant nor one of [`PIECES`].
pub(crate) fn woven(files: &[SourceFile]) -> Vec<String> {
    let stored = files.iter().filter(|file| file.ships_below(STORE));
    stored
        .flat_map(|file| {
            let found =
                templates(file.text()).filter(|text| WORDS.iter().any(|word| text.contains(word)));
            found
                .flat_map(placeholders)
                .filter(|name| !is_constant(name) && !PIECES.contains(name))
                .map(|name| format!("{}: {{{name}}} is written into SQL", file.name()))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The texts that `format!`, `write!` and their like fill in.
fn templates(source: &str) -> impl Iterator<Item = &str> {
    source.split("!(").skip(1).filter_map(|rest| {
        let (before, text) = rest.split_once('"')?;
        let is_first = before
            .chars()
            .all(|sign| sign.is_alphanumeric() || " \n_,&.".contains(sign));
        let end = text
            .match_indices('"')
            .find(|(at, _)| !text[..*at].ends_with('\\'))?
            .0;
        is_first.then_some(&text[..end])
    })
}

fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0))
}

fn is_constant(name: &str) -> bool {
    name.starts_with(|sign: char| sign.is_ascii_uppercase())
        && name
            .chars()
            .all(|sign| sign.is_ascii_uppercase() || sign.is_ascii_digit() || sign == '_')
}

#[test]
fn what_is_given_is_not_written_into_statements() {
    for (text, breach) in [
        (
            r#"let sql = format!("SELECT {ENTRY} FROM outbox WHERE id = ?1");"#,
            None,
        ),
        (
            r#"let sql = format!("SELECT {columns} WHERE ticket = $1");"#,
            None,
        ),
        (r#"let why = format!("{name} is not there");"#, None),
        (
            r#"let sql = format!("SELECT body FROM records WHERE ticket = '{ticket}'");"#,
            Some("ticket"),
        ),
        (
            "let sql = format!(\n  \"DELETE FROM records \\\n WHERE ticket = {}\", id);",
            Some(""),
        ),
        (
            r#"write!(sql, "INSERT INTO records VALUES ({text})")?;"#,
            Some("text"),
        ),
    ] {
        let expected: Vec<_> = breach
            .map(|name| format!("crates/storage/src/x.rs: {{{name}}} is written into SQL"))
            .into_iter()
            .collect();
        assert_eq!(
            woven(&[file("crates/storage/src/x.rs", text)]),
            expected,
            "{text}"
        );
        let elsewhere = file("crates/gateway/src/x.rs", text);
        assert!(woven(&[elsewhere]).is_empty());
    }
}
