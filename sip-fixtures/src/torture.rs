//! The torture set: a message for each case of RFC 4475 and RFC 5118, and what becomes of it.
//! `torture/README.md` is the table. Must not parse SIP.

use crate::bad::Verdict;
use crate::file::{Fixture, read};

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torture {
    /// The message; its name is that of the RFC.
    pub message: Fixture,
    /// The RFC and its section, such as `4475 3.1.1.1`; `ours` where no RFC has it.
    pub section: String,
    /// What is wrong with the message by itself; none where it is sound.
    pub fault: Option<Verdict>,
    /// What comes back over UDP.
    pub over_udp: Outcome,
    /// What comes back on a TCP connection.
    pub over_tcp: Outcome,
    /// The status once alice has proven who she is, where the method asks for it.
    pub proven: Option<u16>,
}

/// What a server does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status codes of its answers, in order; none is silence.
    pub statuses: Vec<u16>,
    /// What the message leaves behind.
    pub afterwards: Afterwards,
}

/// What a message leaves behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// The next message is served.
    Serves,
    /// The connection ends.
    Closes,
    /// The rest of the message is waited for.
    Waits,
}

/// Every case, as the table has them.
pub fn torture() -> Vec<Torture> {
    README.lines().filter_map(read_row).collect()
}

const README: &str = include_str!("../torture/README.md");

#[expect(
    clippy::panic,
    reason = "fixtures serve tests alone, and a row that cannot be read must fail by its file's name"
)]
fn read_row(line: &str) -> Option<Torture> {
    let mut cells = line.split('|').map(str::trim).skip(1);
    let name = cells.next()?.strip_suffix(".sip")?;
    let mut cell = |what: &str| match cells.next() {
        Some(cell) => cell.to_owned(),
        None => panic!("torture/README.md has no {what} for {name}"),
    };
    let section = cell("section");
    cell("description");
    Some(Torture {
        message: read("torture", name),
        section,
        fault: read_fault(&cell("fault")),
        over_udp: read_outcome(&cell("answer over UDP")),
        over_tcp: read_outcome(&cell("answer over TCP")),
        proven: cell("answer to alice").parse().ok(),
    })
}

fn read_fault(cell: &str) -> Option<Verdict> {
    match cell.split_once(' ') {
        None if cell == "yes" => None,
        Some((status, reason)) => Some(Verdict::Answered {
            status: status.parse().unwrap_or_default(),
            reason: reason.to_owned(),
        }),
        None => Some(Verdict::Dropped),
    }
}

fn read_outcome(cell: &str) -> Outcome {
    let words = || cell.split([' ', ',']);
    let afterwards = if words().any(|word| word == "closes") {
        Afterwards::Closes
    } else if words().any(|word| word == "waits") {
        Afterwards::Waits
    } else {
        Afterwards::Serves
    };
    Outcome {
        statuses: words().filter_map(|word| word.parse().ok()).collect(),
        afterwards,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::torture;
    use crate::file::names_in;

    #[test]
    fn every_file_has_its_row_and_every_row_its_file() {
        let mut rows: Vec<_> = torture()
            .into_iter()
            .map(|case| case.message.name)
            .collect();
        rows.sort();
        assert_eq!(rows, names_in("torture"));
    }

    #[test]
    fn all_sections_of_both_documents_are_there() {
        let sections = |document: &str| -> BTreeSet<String> {
            torture()
                .into_iter()
                .filter_map(|case| Some(case.section.strip_prefix(document)?.trim().to_owned()))
                .collect()
        };
        let numbered = |prefix: &'static str, last: usize| {
            (1..=last).map(move |number| format!("{prefix}.{number}"))
        };
        let expected: BTreeSet<_> = numbered("3.1.1", 13)
            .chain(numbered("3.1.2", 19))
            .chain(numbered("3.2", 1))
            .chain(numbered("3.3", 15))
            .chain(numbered("3.4", 1))
            .collect();
        assert_eq!(expected.len(), 49);
        assert_eq!(sections("4475"), expected);
        assert_eq!(sections("5118"), numbered("4", 10).collect());
    }

    #[test]
    fn what_is_named_odd_is_in_the_octets() {
        let bytes = |name: &str| {
            let mut cases = torture().into_iter();
            cases
                .find(|case| case.message.name == name)
                .unwrap()
                .message
                .bytes
        };
        let has = |name: &str, part: &[u8]| bytes(name).windows(part.len()).any(|it| it == part);
        assert!(has("intmeth", b"NUL:\\\0"));
        assert!(has("intmeth", b"\xd1\x80"));
        assert!(has("not-utf8", b"Andr\xe9"));
        assert!(has("escnull", b"%00"));
        assert!(has("mpart01", b"\0"));
        assert!(has("trws", b"SIP/2.0  \r\n"));
        assert!(has("noreason", b"SIP/2.0 100 \r\n"));
    }
}
