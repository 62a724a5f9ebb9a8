//! The border between the task of a connection and what the connection is made of: frames in, messages out.
//! Must not know any kind of connection.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use sip::framing::{Frame, FramingError};

/// One connection, whatever carries it.
///
/// Every `poll_*` that gives `Pending` has arranged for the task to be woken, and loses nothing when it is
/// not asked again.
pub(crate) trait Wire: Send + 'static {
    /// Reads once. Whatever has arrived is asked for by [`Wire::next_frame`] until there is none.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Arrival>>;

    /// The next whole frame of what has arrived.
    fn next_frame(&mut self) -> Result<Option<Frame>, FramingError>;

    /// Bytes of a message that waits for its rest.
    fn half_read(&self) -> usize;

    /// Takes messages off the outbox and writes; `Progress::Done` when everything is on its way.
    fn poll_send(
        &mut self,
        outbox: &mut Outbox,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Progress>>;

    /// Asks the peer for a sign of life, where the connection has a way to ask.
    fn probe(&mut self) -> Probe;

    /// Tells the peer that nothing more comes.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Bytes, maybe not yet a whole frame.
    Bytes,
    /// A sign of life that the connection itself deals with.
    Liveness,
    /// The peer sends nothing more.
    End,
}

/// How far a write has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The peer takes bytes; there may be more.
    Some,
    /// Nothing waits.
    Done,
}

/// Whether a sign of life was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is on its way with the next [`Wire::poll_send`].
    Asked,
    /// The system below looks after that.
    NotNeeded,
}

/// Messages that wait to be written.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    messages: VecDeque<Bytes>,
    bytes: usize,
    taken: u64,
}

impl Outbox {
    pub(crate) fn push(&mut self, message: Bytes) {
        self.bytes += message.len();
        self.messages.push_back(message);
    }

    /// The next message, which the wire now answers for.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let message = self.messages.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.len());
        self.taken += 1;
        Some(message)
    }

    /// Forgets bytes that are written.
    pub(crate) fn advance(&mut self, mut written: usize) {
        self.bytes = self.bytes.saturating_sub(written);
        while let Some(first) = self.messages.front_mut() {
            if written < first.len() {
                first.advance(written);
                break;
            }
            written -= first.len();
            self.taken += 1;
            self.messages.pop_front();
        }
    }

    /// How many messages have gone since this was last asked.
    pub(crate) fn take_count(&mut self) -> u64 {
        std::mem::take(&mut self.taken)
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The beginning of what waits, for a vectored write.
    pub(crate) fn slices<'a, const N: usize>(&'a self, slices: &mut [IoSlice<'a>; N]) {
        for (slice, message) in slices.iter_mut().zip(&self.messages) {
            *slice = IoSlice::new(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Outbox;

    #[test]
    fn what_is_written_is_forgotten_byte_by_byte() {
        let mut outbox = Outbox::default();
        for message in [&b"one"[..], b"two", b"three"] {
            outbox.push(Bytes::from_static(message));
        }
        outbox.advance(4);
        assert_eq!((outbox.bytes(), outbox.take_count()), (7, 1));
        assert_eq!(outbox.pop().unwrap(), "wo");
        outbox.advance(5);
        assert!(outbox.is_empty());
        assert_eq!((outbox.bytes(), outbox.take_count()), (0, 2));
    }
}
