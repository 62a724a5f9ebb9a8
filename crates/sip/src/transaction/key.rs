//! Which transaction a message belongs to (RFC 3261 §17.1.3 and §17.2.3), as keyed 128-bit hashes.
//! Must not know what the transaction does with it.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::net::SocketAddr;

use foldhash::fast::FixedState;
use siphasher::sip::SipHasher13;
use siphasher::sip128;

use crate::error::HeaderError;
use crate::flow::Flow;
use crate::header::via::{BRANCH_COOKIE, Via};
use crate::header_name::HeaderName;
use crate::host::Host;
use crate::message::{Request, Response};
use crate::method::Method;

/// Names a server transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerKey(u128);

/// What requests have in common that are one request come by several ways (RFC 3261 §8.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MergeKey(u64);

/// The branch of a request, whatever address it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BranchKey(u64);

/// All by which a server transaction is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) key: ServerKey,
    /// `None` inside a dialog, where requests never merge, and for requests without a From tag.
    pub(super) merge: Option<MergeKey>,
}

impl Identity {
    /// Where the requests of one merge key are looked for, and those that have none: a label, and what tells those apart
    /// that share it.
    pub(super) const fn label(&self) -> (u32, u32) {
        match self.merge {
            Some(MergeKey(key)) => (key as u32, (key >> 32) as u32),
            None => (self.key.0 as u32, (self.key.0 >> 32) as u32),
        }
    }
}

impl ServerKey {
    /// Half of it, where one in 2^64 is good enough.
    pub(super) const fn short(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// What may be told to anybody: nothing of the key can be told from it.
    pub(super) const fn fingerprint(self) -> u64 {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        let product = low as u128 * high as u128;
        product as u64 ^ (product >> 64) as u64
    }
}

impl BranchKey {
    /// Half of it, where a collision costs no more than a refusal.
    pub(super) const fn short(self) -> u32 {
        self.0 as u32
    }
}

/// Names a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientKey(u128);

/// A map by keys that are hashes already.
pub(super) type KeyMap<K, V> = HashMap<K, V, BuildHasherDefault<TakeAsHash>>;

/// Makes keys that nobody without the secret can make collide.
#[derive(Clone, Copy)]
pub(super) struct Keys {
    secret: [u64; 2],
}

impl Keys {
    pub(super) const fn new(secret: [u64; 2]) -> Self {
        Self { secret }
    }

    /// The key of a request; an ACK has that of the INVITE it belongs to.
    ///
    /// # Errors
    /// The request has not passed [`Request::check`].
    pub(super) fn of_request(
        &self,
        request: &Request,
        via: &Via<'_>,
        flow: Flow,
    ) -> Result<ServerKey, HeaderError> {
        let method: &[u8] = match request.method() {
            Method::Ack => b"INVITE",
            _ => request.method_text(),
        };
        self.server_key(request, via, flow, method)
    }

    /// The key of the INVITE that a CANCEL means (RFC 3261 §9.2).
    pub(super) fn of_cancelled(
        &self,
        cancel: &Request,
        flow: Flow,
    ) -> Result<ServerKey, HeaderError> {
        self.server_key(cancel, &cancel.via()?, flow, b"INVITE")
    }

    fn server_key(
        &self,
        request: &Request,
        via: &Via<'_>,
        flow: Flow,
        method: &[u8],
    ) -> Result<ServerKey, HeaderError> {
        let branch = request.branch(via).unwrap_or_default();
        if branch.starts_with(BRANCH_COOKIE) && branch.len() > BRANCH_COOKIE.len() {
            // Deviates from RFC 3261 §17.2.3: the source counts too, because a stored answer must never go to another
            // address than its request came from. The price is that a NAT rebinding makes a retransmission new.
            let mut material = Material::new(1);
            material.address(flow.remote);
            material.sent_by(via);
            material.piece(branch.as_bytes());
            material.piece(method);
            return Ok(ServerKey(self.digest(&material)));
        }
        // RFC 3261 §17.2.3, the rules for RFC 2543: the whole top Via, Request-URI, From tag, Call-ID, CSeq number.
        // The To tag is left out: an ACK carries that of our answer.
        let from = request.header(HeaderName::From).unwrap_or_default();
        let call_id = request.header(HeaderName::CallId).unwrap_or_default();
        let number = request.cseq()?.number;
        let top_via = request.values(HeaderName::Via).next().unwrap_or_default();
        let mut material = Material::new(2);
        material.address(flow.remote);
        for piece in [top_via, request.uri_text(), from, call_id] {
            material.piece(piece);
        }
        material.number(number);
        material.piece(method);
        Ok(ServerKey(self.digest(&material)))
    }

    /// What tells that a request came before, by another way; `None` where that cannot be.
    ///
    /// # Errors
    /// The request has not passed [`Request::check`].
    pub(super) fn of_merged(&self, request: &Request) -> Result<Option<MergeKey>, HeaderError> {
        if request.method() == Method::Cancel || request.to_tag()?.is_some() {
            return Ok(None);
        }
        let Some(tag) = request.from_tag()? else {
            return Ok(None);
        };
        let call_id = request.call_id()?;
        let cseq = request.cseq()?;
        let mut material = Material::new(6);
        material.piece(tag.as_bytes());
        material.piece(call_id.as_bytes());
        material.number(cseq.number);
        material.piece(cseq.method_text.as_bytes());
        Ok(Some(MergeKey(self.half_digest(&material))))
    }

    /// Some merge key, another for each number.
    #[cfg(test)]
    pub(super) fn merge_of_number(&self, number: u64) -> MergeKey {
        let mut material = Material::new(0);
        material.piece(&number.to_le_bytes());
        MergeKey(self.half_digest(&material))
    }

    /// A merge key that shares the label of another.
    #[cfg(test)]
    pub(super) const fn merge_beside(&self, other: MergeKey) -> MergeKey {
        MergeKey(other.0 ^ 1 << 63)
    }

    /// The branch alone: a retransmission from a rebound NAT has the same one, a merged request never.
    pub(super) fn of_branch(&self, request: &Request, via: &Via<'_>) -> BranchKey {
        // Whoever makes two branches look the same has a request of their own taken for a repetition, so that a quick
        // hash is good enough.
        let [secret, _] = self.secret;
        let hasher = FixedState::with_seed(secret);
        let branch = request.branch(via).unwrap_or_default();
        BranchKey(hasher.hash_one(branch.as_bytes()))
    }

    /// The key of a request of ours.
    pub(super) fn of_sent(&self, branch: &str, method: &str) -> ClientKey {
        let mut material = Material::new(3);
        material.piece(branch.as_bytes());
        material.piece(method.as_bytes());
        ClientKey(self.digest(&material))
    }

    /// The key of the request of ours that a response answers.
    ///
    /// # Errors
    /// The response lacks a Via or a CSeq.
    pub(super) fn of_response(&self, response: &Response) -> Result<ClientKey, HeaderError> {
        let via = response.via()?;
        let cseq = response.cseq()?;
        Ok(self.of_sent(via.branch().unwrap_or_default(), cseq.method_text))
    }

    /// A To tag for an answer we give without the user: the same for each retransmission (RFC 3261 §8.2.7).
    pub(super) fn tag(&self, key: ServerKey) -> String {
        let mut material = Material::new(4);
        material.piece(&key.0.to_le_bytes());
        let digest = self.digest(&material);
        format!("{digest:032x}")
    }

    /// A To tag for a request too broken to have a key.
    pub(super) fn tag_of_bytes(&self, request: &[u8]) -> String {
        let mut material = Material::new(5);
        material.piece(request);
        let digest = self.digest(&material);
        format!("{digest:032x}")
    }

    /// One pass of SipHash with all bits of its wider form.
    fn digest(&self, material: &Material) -> u128 {
        let [high, low] = self.secret;
        let hasher = sip128::SipHasher13::new_with_keys(high, low);
        let hash = material.in_one_piece(|piece| hasher.hash(piece));
        hash.as_u128()
    }

    /// The same with half of the bits, where a collision costs no more than a refusal.
    fn half_digest(&self, material: &Material) -> u64 {
        let [high, low] = self.secret;
        let hasher = SipHasher13::new_with_keys(high, low);
        material.in_one_piece(|piece| hasher.hash(piece))
    }
}

/// What is hashed, gathered first: a hasher is quicker with one long piece than with many short ones.
///
/// Each piece of any length stands behind its length, so that no two lists of pieces are the same bytes.
struct Material {
    short: [u8; SHORT],
    /// Bytes of `short` that are used.
    length: usize,
    /// What did not fit, and all that came after it.
    long: Vec<u8>,
}

/// More than the parts of usual requests come to.
const SHORT: usize = 256;

impl Material {
    /// `purpose` keeps the keys of one kind apart from those of another.
    fn new(purpose: u8) -> Self {
        let mut material = Self {
            short: [0; SHORT],
            length: 0,
            long: Vec::new(),
        };
        material.push(&[purpose]);
        material
    }

    fn piece(&mut self, piece: &[u8]) {
        self.length_of(piece);
        self.push(piece);
    }

    fn length_of(&mut self, piece: &[u8]) {
        self.push(&(piece.len() as u32).to_le_bytes());
    }

    fn number(&mut self, number: u32) {
        self.push(&number.to_le_bytes());
    }

    fn address(&mut self, address: SocketAddr) {
        // Addresses of each family have a length of their own.
        self.push(&[u8::from(address.is_ipv6())]);
        match address {
            SocketAddr::V4(address) => self.push(&address.ip().octets()),
            SocketAddr::V6(address) => {
                self.push(&address.ip().octets());
                // Of a link-local address it says on which link.
                self.number(address.scope_id());
            }
        }
        self.number(address.port().into());
    }

    fn sent_by(&mut self, via: &Via<'_>) {
        match via.host {
            // Names are compared without case.
            Host::Name(name) => {
                self.length_of(name.as_bytes());
                for byte in name.bytes() {
                    self.push(&[byte.to_ascii_lowercase()]);
                }
            }
            Host::V4(address) => self.piece(&address.octets()),
            Host::V6(address) => self.piece(&address.octets()),
        }
        // No port is 0.
        self.number(via.port.unwrap_or_default().into());
    }

    fn in_one_piece<T>(&self, hash: impl FnOnce(&[u8]) -> T) -> T {
        let short = self.short.get(..self.length).unwrap_or_default();
        match self.long[..] {
            [] => hash(short),
            [..] => hash(&[short, &self.long].concat()),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let place = self.short.get_mut(self.length..self.length + bytes.len());
        match place {
            Some(place) if self.long.is_empty() => {
                place.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            Some(_) | None => self.long.extend_from_slice(bytes),
        }
    }
}

impl Hash for ServerKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.0);
    }
}

impl Hash for MergeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

impl Hash for ClientKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.0);
    }
}

/// The hasher of a [`KeyMap`].
#[derive(Default)]
pub(super) struct TakeAsHash(u64);

impl Hasher for TakeAsHash {
    fn write_u128(&mut self, key: u128) {
        self.0 = (key ^ (key >> 64)) as u64;
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Keys, ServerKey};

    /// Whoever sees one can tell by it neither half of the key nor the place in a table.
    #[test]
    fn fingerprints_differ_and_are_no_part_of_their_keys() {
        let keys = Keys::new([1, 2]);
        let key = |number: usize| {
            let sent = keys.of_sent(&format!("z9hG4bK{number}"), "PUBLISH");
            ServerKey(sent.0)
        };
        let fingerprints: HashSet<u64> = (0..1000).map(|n| key(n).fingerprint()).collect();
        assert_eq!(fingerprints.len(), 1000);
        assert_eq!(key(7).fingerprint(), key(7).fingerprint());
        for ServerKey(key) in (0..1000).map(key) {
            let (low, high) = (key as u64, key.rotate_left(64) as u64);
            let fingerprint = ServerKey(key).fingerprint();
            assert!(![low, high, low ^ high].contains(&fingerprint));
        }
    }

    /// What does not fit into the first piece counts too, and so does where a piece ends.
    #[test]
    fn keys_tell_all_of_a_branch_apart() {
        let keys = Keys::new([1, 2]);
        for length in [10, 200, 228, 229, 230, 255, 256, 257, 1000] {
            let start = "z".repeat(length);
            let of = |end: &str, method| keys.of_sent(&format!("{start}{end}"), method);
            assert_eq!(of("a", "OPTIONS"), of("a", "OPTIONS"));
            assert_ne!(of("a", "OPTIONS"), of("b", "OPTIONS"));
            assert_ne!(of("a", "OPTIONS"), of("aO", "PTIONS"));
            assert_ne!(of("a", "OPTIONS"), of("a", "OPTION"));
        }
    }
}
