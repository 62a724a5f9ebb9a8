//! What was said in one conversation, bounded, each line once and in order.
//! Must not know who is told of a line.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Moment;
use crate::conversation::{Line, Speaker};
use crate::ids::{LineId, Seq};
use crate::io::SayRefused;

/// The longest line, in bytes.
pub(crate) const LINE_LIMIT: usize = 8 * 1024;
/// Lines of shopper and rep in one conversation.
const LINES_LIMIT: usize = 5_000;
/// Bytes of all lines of one conversation.
const BYTES_LIMIT: usize = 2 * 1024 * 1024;

/// The lines so far. Invariant: the line at index `i` has seq `i + 1`.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    lines: Vec<Line>,
    by_id: BTreeMap<LineId, Seq>,
    bytes: usize,
    /// The last line the shopper's page has shown.
    seen: Seq,
}

impl Transcript {
    /// Appends a line. Deskbell's own lines are always taken: they are few and tell of changes.
    pub(crate) fn say(
        &mut self,
        from: Speaker,
        name: Option<Arc<str>>,
        id: Option<LineId>,
        text: Arc<str>,
        now: Moment,
    ) -> Result<&Line, SayRefused> {
        match from {
            Speaker::Shopper | Speaker::Rep => self.has_room_for(&text)?,
            Speaker::System => {}
        }
        Ok(self.push(Line {
            seq: Seq(self.last().0 + 1),
            id,
            from,
            name,
            text,
            at_unix_ms: now.0,
        }))
    }

    /// Takes a journalled line again, unless it stands already.
    pub(crate) fn restore(&mut self, line: Line) {
        if line.seq.0 == self.last().0 + 1 {
            self.push(line);
        }
    }

    pub(crate) fn take_seen(&mut self, seq: Seq) {
        self.seen = self.seen.max(seq.min(self.last()));
    }

    /// The place of a line said before.
    pub(crate) fn place_of(&self, id: &LineId) -> Option<Seq> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn last(&self) -> Seq {
        Seq(u64::try_from(self.lines.len()).unwrap_or(u64::MAX))
    }

    pub(crate) fn seen(&self) -> Seq {
        self.seen
    }

    pub(crate) fn after(&self, seq: Seq) -> impl Iterator<Item = &Line> {
        let skipped = usize::try_from(seq.0).unwrap_or(usize::MAX);
        self.lines.iter().skip(skipped)
    }

    fn has_room_for(&self, text: &str) -> Result<(), SayRefused> {
        if text.len() > LINE_LIMIT {
            return Err(SayRefused::TooLong);
        }
        if self.lines.len() >= LINES_LIMIT || self.bytes + text.len() > BYTES_LIMIT {
            return Err(SayRefused::Full);
        }
        Ok(())
    }

    fn push(&mut self, line: Line) -> &Line {
        if let Some(id) = &line.id {
            self.by_id.insert(id.clone(), line.seq);
        }
        self.bytes += line.text.len();
        let index = self.lines.len();
        self.lines.push(line);
        #[expect(clippy::indexing_slicing, reason = "the line was pushed one line up")]
        &self.lines[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
        let mut transcript = Transcript::default();
        assert_eq!(say(&mut transcript, LINE_LIMIT), Ok(Seq(1)));
        assert_eq!(
            say(&mut transcript, LINE_LIMIT + 1),
            Err(SayRefused::TooLong)
        );
    }

    #[test]
    fn a_full_conversation_takes_only_our_own_lines() {
        let mut transcript = Transcript::default();
        for _ in 0..LINES_LIMIT {
            say(&mut transcript, 1).unwrap();
        }
        assert_eq!(say(&mut transcript, 1), Err(SayRefused::Full));
        let ours = transcript.say(Speaker::System, None, None, Arc::from("x"), Moment(0));
        assert!(ours.is_ok());
    }

    #[test]
    fn a_conversation_of_long_lines_is_full_sooner() {
        let mut transcript = Transcript::default();
        let lines = (0..LINES_LIMIT)
            .take_while(|_| say(&mut transcript, LINE_LIMIT).is_ok())
            .count();
        assert_eq!(lines, BYTES_LIMIT / LINE_LIMIT);
    }

    #[test]
    fn a_line_out_of_its_place_is_not_restored() {
        let mut transcript = Transcript::default();
        let line = |seq| Line {
            seq: Seq(seq),
            id: None,
            from: Speaker::Rep,
            name: None,
            text: Arc::from("x"),
            at_unix_ms: 0,
        };
        for seq in [1, 1, 3, 2] {
            transcript.restore(line(seq));
        }
        assert_eq!(transcript.last(), Seq(2));
    }

    #[test]
    fn nothing_unsaid_is_seen() {
        let mut transcript = Transcript::default();
        say(&mut transcript, 1).unwrap();
        transcript.take_seen(Seq(9));
        assert_eq!(transcript.seen(), Seq(1));
    }

    fn say(transcript: &mut Transcript, bytes: usize) -> Result<Seq, SayRefused> {
        let text = "x".repeat(bytes);
        transcript
            .say(Speaker::Shopper, None, None, Arc::from(text), Moment(0))
            .map(|line| line.seq)
    }
}
