//! ACK of a 2xx of ours: it belongs to the leg of a call, or to nothing. Must not know what the leg makes of it.

use sip::Request;

use super::SipService;

impl SipService {
    pub(super) fn pass_ack(&self, ack: &Request) {
        self.calls.handle_ack(ack);
    }
}
