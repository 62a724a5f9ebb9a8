//! Requests that were answered, until their clients have stopped repeating them (Timer J): about 70 bytes each, in
//! buckets that are dropped whole. Must not know transactions that still await something.

mod bucket;
mod page;
mod record;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::bucket::{Bucket, Found};
use self::page::Spare;
use super::key::{BranchKey, Identity};
use super::merged::Novelty;
use crate::message::Request;

/// Answered requests, the oldest first.
///
/// Invariant: no bucket is empty, and `len` is the sum of theirs.
#[derive(Debug)]
pub(super) struct Answered {
    /// Timer J.
    lifetime: Duration,
    /// How long a bucket takes in what is answered. A request is looked up in each bucket, so that there are few.
    span: Duration,
    buckets: VecDeque<Bucket>,
    spare: Spare,
    len: usize,
}

/// What is known of a request.
pub(super) enum Known {
    /// It was answered so.
    Repeated(Bytes),
    /// Nothing, or that it came by another way.
    No(Novelty),
}

/// Buckets whose time is not over.
const BUCKETS: u32 = 4;
/// A record counts its time in milliseconds of 16 bits.
const LONGEST_SPAN: Duration = Duration::from_secs(60);

impl Answered {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            span: (lifetime / BUCKETS).min(LONGEST_SPAN),
            buckets: VecDeque::new(),
            spare: Spare::default(),
            len: 0,
        }
    }

    /// Remembers an answer. One that is no answer of ours, or longer than a datagram, is not remembered.
    pub(super) fn insert(
        &mut self,
        identity: &Identity,
        branch: BranchKey,
        response: &[u8],
        now: Instant,
    ) {
        let before = self.buckets.back();
        if before.is_none_or(|newest| newest.is_over(self.span, now)) {
            let room = before.map_or(0, Bucket::count);
            self.buckets.push_back(Bucket::new(now, room));
        }
        let Some(newest) = self.buckets.back_mut() else {
            return;
        };
        if newest.insert(identity, branch, response, now, &mut self.spare) {
            self.len += 1;
        } else if newest.count() == 0 {
            self.buckets.pop_back();
        }
    }

    /// Looks a request up; where it was answered, the answer is made again for `source`.
    pub(super) fn look_up(
        &self,
        identity: &Identity,
        branch: BranchKey,
        request: &Request,
        source: std::net::SocketAddr,
    ) -> Known {
        let mut novelty = Novelty::New;
        // The newest first: what is repeated is seldom old.
        for bucket in self.buckets.iter().rev() {
            match bucket.look_up(identity, branch) {
                Found::Answer(record) => return Known::Repeated(record.answer(request, source)),
                Found::Merged => novelty = Novelty::Merged,
                Found::Nothing => {}
            }
        }
        Known::No(novelty)
    }

    /// Forgets those whose time is over.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.next().is_some_and(|deadline| deadline <= now) {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest; false where there is none.
    pub(super) fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.buckets.front_mut() else {
            return false;
        };
        oldest.forget_oldest(&mut self.spare);
        self.len -= 1;
        if oldest.count() == 0 {
            self.buckets.pop_front();
        }
        true
    }

    /// When the oldest is to be forgotten.
    pub(super) fn next(&self) -> Option<Instant> {
        self.buckets.front()?.oldest().map(|at| at + self.lifetime)
    }

    pub(super) fn clear(&mut self) {
        self.buckets = VecDeque::new();
        self.spare = Spare::default();
        self.len = 0;
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests;
