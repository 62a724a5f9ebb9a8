//! Messages of our own making: broken ones with the answer they deserve, and odd ones that are sound.
//! The first line of a file is ours and says which; the message starts after it.

use crate::file::{Fixture, names_in, read};

/// A broken message and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The message.
    pub message: Fixture,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing can be answered.
    Dropped,
    /// It is answered.
    Answered {
        /// The status code.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
}

/// Every broken message. The first line of its file is `# drop` or `# STATUS REASON`.
#[expect(
    clippy::panic,
    reason = "fixtures serve tests alone, and a wrong first line must fail by its file's name"
)]
pub fn bad() -> Vec<Bad> {
    names_in("bad")
        .into_iter()
        .map(|name| {
            let (remark, message) = split(read("bad", &name));
            let verdict = match remark.split_once(' ') {
                None if remark == "drop" => Verdict::Dropped,
                Some((status, reason)) if status.parse::<u16>().is_ok() => Verdict::Answered {
                    status: status.parse().unwrap_or_default(),
                    reason: reason.to_owned(),
                },
                None | Some(_) => {
                    panic!("failed to read the first line of bad/{name}.sip: {remark}")
                }
            };
            Bad { message, verdict }
        })
        .collect()
}

/// Every sound message that a careless parser stumbles over. The first line of its file says why.
pub fn odd() -> Vec<Fixture> {
    names_in("odd")
        .into_iter()
        .map(|name| split(read("odd", &name)).1)
        .collect()
}

/// Parts our first line from the message.
fn split(file: Fixture) -> (String, Fixture) {
    let end = file
        .bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(0);
    let (remark, message) = file.bytes.split_at(end);
    let remark = String::from_utf8_lossy(remark)
        .trim_start_matches('#')
        .trim()
        .to_owned();
    let message = Fixture {
        name: file.name,
        bytes: message.iter().skip(1).copied().collect(),
    };
    (remark, message)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, bad, odd};

    #[test]
    fn both_kinds_are_there() {
        assert!(bad().iter().any(|bad| bad.verdict == Verdict::Dropped));
        assert!(
            bad()
                .iter()
                .any(|bad| matches!(bad.verdict, Verdict::Answered { status: 400, .. }))
        );
        assert!(!odd().is_empty());
        assert!(odd().iter().all(|odd| !odd.bytes.starts_with(b"#")));
    }
}
