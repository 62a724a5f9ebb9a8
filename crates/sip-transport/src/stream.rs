//! A connection that is a stream of bytes, such as TCP, with TLS or without: messages one after another.
//! Must not know what is below the stream.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sip::framing::{Frame, FramingError, StreamFramer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::wire::{Arrival, Outbox, Probe, Progress, Wire};

/// A stream and the message that is arriving on it.
pub(crate) struct ByteWire<S> {
    stream: S,
    framer: StreamFramer,
    rest: Rest,
}

/// Whether the layers below may still hold bytes of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Flushed,
    Unflushed,
}

const READ_AT_A_TIME: usize = 16 * 1024;
const SLICES_AT_A_TIME: usize = 16;

impl<S> ByteWire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            framer: StreamFramer::new(),
            rest: Rest::Flushed,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Wire for ByteWire<S> {
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        let mut scratch = [const { MaybeUninit::uninit() }; READ_AT_A_TIME];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(if buffer.filled().is_empty() {
            Arrival::End
        } else {
            self.framer.push(buffer.filled());
            Arrival::Bytes
        }))
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        self.framer.poll_frame()
    }

    fn half_read(&self) -> usize {
        self.framer.half_read()
    }

    fn poll_send(
        &mut self,
        outbox: &mut Outbox,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Progress>> {
        let stream = Pin::new(&mut self.stream);
        if !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_AT_A_TIME];
            outbox.slices(&mut slices);
            let written = ready!(stream.poll_write_vectored(context, &slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            outbox.advance(written);
            self.rest = Rest::Unflushed;
            return Poll::Ready(Ok(Progress::Some));
        }
        if self.rest == Rest::Unflushed {
            ready!(stream.poll_flush(context))?;
            self.rest = Rest::Flushed;
        }
        Poll::Ready(Ok(Progress::Done))
    }

    fn probe(&mut self) -> Probe {
        // TCP's own keepalive is on.
        Probe::NotNeeded
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
