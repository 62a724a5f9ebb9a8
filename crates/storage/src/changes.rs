//! Many newest words as one row: what a commit has to say of publications, phones and subscriptions is appended to the
//! table `changes` in one piece, and comes into `state` later. Must not know the database.

use std::collections::{BTreeMap, HashMap};

use crate::chain::{Digest, digest_of};
use crate::soft::{SoftChange, SoftKey, SoftKind, SoftValue, StoredState};

/// Bytes of `changes` above which a part of it is brought into `state` after each commit.
const LONG: u64 = 64 << 20;

/// What a row counts for at least, so that there are never many small ones.
const LEAST_BYTES: u64 = 4096;

/// Rows brought into `state` in one transaction end with the one that reaches so many bytes; a line may have to wait
/// for that transaction.
pub(crate) const PORTION_BYTES: usize = 4 << 20;

/// Rows brought into `state` in one transaction at most.
pub(crate) const PORTION_ROWS: i64 = 512;

/// The form of a row's body.
const VERSION: u8 = 1;

/// A row to be appended.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) body: Vec<u8>,
    pub(crate) digest: Digest,
}

impl Appended {
    /// Those changes that come by the thousand, in their order; `None` where there are none.
    pub(crate) fn of<'a>(changes: impl Iterator<Item = &'a SoftChange> + Clone) -> Option<Self> {
        let changes = changes.filter(|change| change.key.is_appended());
        let bytes = changes.clone().map(room).sum::<usize>();
        if bytes == 0 {
            return None;
        }
        let mut body = Vec::with_capacity(bytes + 1);
        body.push(VERSION);
        for change in changes {
            write(change, &mut body);
        }
        let digest = digest_of(&[&body]);
        Some(Self { body, digest })
    }
}

/// A row of the table `changes`, before anybody knows whether it makes sense.
#[derive(Debug)]
pub(crate) struct StoredChanges {
    pub(crate) number: i64,
    pub(crate) body: Vec<u8>,
    pub(crate) digest: Vec<u8>,
}

impl StoredChanges {
    /// What it says; `None` where it is not what was written.
    pub(crate) fn read(&self) -> Option<Vec<SoftChange>> {
        if self.digest != digest_of(&[&self.body]) {
            return None;
        }
        let mut left = self.body.strip_prefix(&[VERSION])?;
        let mut changes = Vec::new();
        while !left.is_empty() {
            changes.push(read(&mut left)?);
        }
        Some(changes)
    }
}

/// What a row says of one kind, in the order it says it. What is damaged is told and passed over, as it is in `state`.
pub(crate) fn words_of(
    kind: SoftKind,
    row: &StoredChanges,
) -> impl Iterator<Item = (Vec<u8>, Option<StoredState>)> {
    let changes = row.read();
    if changes.is_none() {
        tracing::error!(number = row.number, "{DAMAGED}");
    }
    let changes = changes.unwrap_or_default().into_iter();
    let changes = changes.filter(move |change| change.key.kind == kind);
    changes.map(move |SoftChange { key, value }| {
        let name = key.name.into_bytes();
        let word = value.map(|value| StoredState {
            kind: kind.as_str().to_owned(),
            name: name.clone(),
            value,
            // The row's digest speaks for it.
            digest: Vec::new(),
        });
        (name, word)
    })
}

const DAMAGED: &str = "a row of changes is not what was written; it stays where it is";

/// What the writer knows of the table `changes`. It may know too little, never too much: what it says is committed is.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// The last row that says something of each thing.
    newest: HashMap<SoftKey, i64>,
    /// How long the table is; `None` where that is not known.
    bytes: Option<u64>,
    /// The last row that is damaged: it and those before are left where they are.
    passed_over: i64,
}

/// What a portion of rows comes to.
#[derive(Debug)]
pub(crate) struct Portion {
    /// What `state` is to say, in the order of its keys.
    pub(crate) words: BTreeMap<SoftKey, Option<SoftValue>>,
    /// The rows that are done with.
    pub(crate) done: Vec<i64>,
    /// All rows of it, the damaged ones too.
    rows: usize,
    last: i64,
    last_damaged: Option<i64>,
    bytes: u64,
}

impl Backlog {
    /// Whether a part of it should be brought into `state`.
    pub(crate) fn is_long(&self) -> bool {
        self.bytes.is_none_or(|bytes| bytes > LONG)
    }

    /// Whether there is nothing to be brought into `state`.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == Some(0)
    }

    /// The rows to be brought into `state` come after this one.
    pub(crate) const fn passed_over(&self) -> i64 {
        self.passed_over
    }

    /// A row that is committed.
    pub(crate) fn note<'a>(
        &mut self,
        number: i64,
        bytes: usize,
        changes: impl Iterator<Item = &'a SoftChange>,
    ) {
        for change in changes.filter(|change| change.key.is_appended()) {
            match self.newest.get_mut(&change.key) {
                Some(newest) => *newest = number,
                None => {
                    self.newest.insert(change.key.clone(), number);
                }
            }
        }
        if let Some(length) = &mut self.bytes {
            *length += counted(bytes);
        }
    }

    /// What the first rows come to. A word that a later row takes back or says anew is left out.
    pub(crate) fn portion(&self, rows: Vec<StoredChanges>) -> Portion {
        let mut portion = Portion {
            words: BTreeMap::new(),
            done: Vec::with_capacity(rows.len()),
            rows: rows.len(),
            last: self.passed_over,
            last_damaged: None,
            bytes: 0,
        };
        for row in rows {
            portion.last = row.number;
            portion.bytes += counted(row.body.len());
            let Some(changes) = row.read() else {
                tracing::error!(number = row.number, "{DAMAGED}");
                portion.last_damaged = Some(row.number);
                continue;
            };
            portion.done.push(row.number);
            for SoftChange { key, value } in changes {
                let newest = self.newest.get(&key);
                if newest.is_none_or(|newest| *newest <= row.number) {
                    portion.words.insert(key, value);
                }
            }
        }
        portion
    }

    /// That portion is committed; says whether there may be more.
    pub(crate) fn settled(&mut self, portion: &Portion) -> bool {
        if portion.rows == 0 {
            self.newest.clear();
            self.bytes = Some(0);
            return false;
        }
        for key in portion.words.keys() {
            if self
                .newest
                .get(key)
                .is_some_and(|newest| *newest <= portion.last)
            {
                self.newest.remove(key);
            }
        }
        if let Some(damaged) = portion.last_damaged {
            self.passed_over = damaged;
        }
        if let Some(bytes) = &mut self.bytes {
            *bytes = bytes.saturating_sub(portion.bytes);
        }
        true
    }

    /// After a transaction of which it is not known what became.
    pub(crate) fn forget(&mut self) {
        self.newest.clear();
        self.bytes = None;
    }
}

fn counted(bytes: usize) -> u64 {
    (bytes as u64).max(LEAST_BYTES)
}

/// At least as many bytes as the change takes.
fn room(SoftChange { key, value }: &SoftChange) -> usize {
    let body = value.as_ref().map_or(0, |value| value.body.len());
    key.kind.as_str().len() + key.name.len() + body + 32
}

fn write(SoftChange { key, value }: &SoftChange, out: &mut Vec<u8>) {
    write_text(key.kind.as_str(), out);
    write_text(&key.name, out);
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            out.extend_from_slice(&value.version.to_be_bytes());
            out.extend_from_slice(&value.expires_at_unix_ms.to_be_bytes());
            write_text(&value.body, out);
        }
    }
}

/// A text of 4 GiB would come back damaged; a phone's are bounded by what it may send.
fn write_text(text: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn read(left: &mut &[u8]) -> Option<SoftChange> {
    let kind = SoftKind::read_appended(&read_text(left)?)?;
    let name = read_text(left)?;
    let [is_there] = read_bytes(left)?;
    let value = match is_there {
        0 => None,
        1 => Some(SoftValue {
            version: u32::from_be_bytes(read_bytes(left)?),
            expires_at_unix_ms: i64::from_be_bytes(read_bytes(left)?),
            body: read_text(left)?,
        }),
        _ => return None,
    };
    let key = SoftKey { kind, name };
    Some(SoftChange { key, value })
}

fn read_bytes<const LENGTH: usize>(left: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (bytes, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(*bytes)
}

fn read_text(left: &mut &[u8]) -> Option<String> {
    let length = u32::from_be_bytes(read_bytes(left)?);
    let (text, rest) = left.split_at_checked(usize::try_from(length).ok()?)?;
    *left = rest;
    Some(std::str::from_utf8(text).ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, body: Option<&str>) -> SoftChange {
        SoftChange {
            key: SoftKey {
                kind: SoftKind::Publications,
                name: name.to_owned(),
            },
            value: body.map(|body| SoftValue {
                version: 7,
                expires_at_unix_ms: SoftValue::NEVER,
                body: body.to_owned(),
            }),
        }
    }

    fn stored(number: i64, changes: &[SoftChange]) -> StoredChanges {
        let Appended { body, digest } = Appended::of(changes.iter()).unwrap();
        StoredChanges {
            number,
            body,
            digest: digest.to_vec(),
        }
    }

    #[test]
    fn changes_come_back_as_they_were_and_damaged_ones_not_at_all() {
        let changes = [change("ali\0ce é", Some("{\"x\":1}")), change("", None)];
        let whole = stored(1, &changes);
        assert_eq!(whole.read().unwrap(), changes);
        for place in 0..whole.body.len() {
            let mut body = whole.body.clone();
            body[place] ^= 0x20;
            let digest = whole.digest.clone();
            let number = 1;
            let flipped = StoredChanges {
                number,
                body: body.clone(),
                digest,
            };
            assert_eq!(flipped.read(), None, "{place}");
            // With a digest that fits it is read as far as it goes, and never as what it was.
            let digest = digest_of(&[&body]).to_vec();
            let forged = StoredChanges {
                number,
                body,
                digest,
            };
            assert_ne!(forged.read().as_deref(), Some(&changes[..]), "{place}");
        }
    }

    #[test]
    fn only_what_comes_by_the_thousand_is_appended() {
        let mut case = change("c1", Some("{}"));
        case.key.kind = SoftKind::Case;
        assert!(Appended::of([case.clone()].iter()).is_none());
        let alice = change("alice", Some("{}"));
        assert_eq!(stored(1, &[case, alice.clone()]).read().unwrap(), [alice]);
    }

    #[test]
    fn of_what_is_said_again_only_the_newest_word_comes_through() {
        let first = [change("alice", Some("1")), change("bob", Some("1"))];
        let second = [change("alice", Some("2"))];
        let mut backlog = Backlog::default();
        assert!(backlog.is_long(), "nobody knows how long");
        let nothing = backlog.portion(Vec::new());
        assert!(!backlog.settled(&nothing) && !backlog.is_long());
        backlog.note(1, 10, first.iter());
        backlog.note(2, 10, second.iter());
        let portion = backlog.portion(vec![stored(1, &first)]);
        let names: Vec<&str> = portion.words.keys().map(|key| key.name.as_str()).collect();
        assert_eq!((names, portion.done.clone()), (vec!["bob"], vec![1]));
        assert!(backlog.settled(&portion));
        let portion = backlog.portion(vec![stored(2, &second)]);
        let [(_, Some(value))] = &portion.words.into_iter().collect::<Vec<_>>()[..] else {
            panic!("alice alone");
        };
        assert_eq!(value.body, "2");
    }

    /// A row number that was never committed would keep the word before it from coming through.
    #[test]
    fn what_is_forgotten_is_written_in_order() {
        let first = [change("alice", Some("1"))];
        let second = [change("alice", None)];
        let mut backlog = Backlog::default();
        backlog.note(2, 10, second.iter());
        backlog.forget();
        let portion = backlog.portion(vec![stored(1, &first), stored(2, &second)]);
        let words: Vec<_> = portion.words.into_values().collect();
        assert_eq!((words, portion.done), (vec![None], vec![1, 2]));
    }

    #[test]
    fn a_damaged_row_stays_and_holds_up_no_other() {
        let mut damaged = stored(1, &[change("alice", None)]);
        damaged.digest.clear();
        let mut backlog = Backlog::default();
        let portion = backlog.portion(vec![damaged, stored(2, &[change("bob", None)])]);
        assert_eq!((portion.words.len(), portion.done.clone()), (1, vec![2]));
        assert!(backlog.settled(&portion));
        assert_eq!(backlog.passed_over(), 1);
    }
}
