//! How a phone may prove itself over each protocol. Must not know users.

use std::time::Duration;

use sip::Protocol;
use sip::digest::{Offer, Qop, Suite};

/// How long a nonce serves where others may listen. A phone that comes later is challenged again with `stale=true`.
const NONCE_LIFETIME: Duration = Duration::from_secs(60);

/// How long it serves inside TLS.
const NONCE_LIFETIME_UNHEARD: Duration = Duration::from_secs(5 * 60);

/// An offer for each protocol.
#[derive(Debug)]
pub(crate) struct Offers {
    usual: Offer,
    inside_tls: Offer,
    by_protocol: Vec<(Protocol, Offer)>,
}

impl Offers {
    /// `suites` over every protocol but those in `by_protocol`, in the order of the challenges.
    pub(crate) fn new(
        suites: Vec<Suite>,
        by_protocol: Vec<(Protocol, Vec<Suite>)>,
        qualities: &[Qop],
    ) -> Self {
        let offer = |suites, nonce_lifetime| Offer {
            suites,
            qualities: qualities.to_vec(),
            nonce_lifetime,
        };
        Self {
            usual: offer(suites.clone(), NONCE_LIFETIME),
            inside_tls: offer(suites, NONCE_LIFETIME_UNHEARD),
            by_protocol: by_protocol
                .into_iter()
                .map(|(protocol, suites)| (protocol, offer(suites, nonce_lifetime(protocol))))
                .collect(),
        }
    }

    /// What is offered over a protocol.
    pub(super) fn over(&self, protocol: Protocol) -> &Offer {
        let special = self
            .by_protocol
            .iter()
            .find(|(found, _)| *found == protocol);
        match special {
            Some((_, offer)) => offer,
            None if nonce_lifetime(protocol) == NONCE_LIFETIME => &self.usual,
            None => &self.inside_tls,
        }
    }
}

const fn nonce_lifetime(protocol: Protocol) -> Duration {
    match protocol {
        Protocol::Udp | Protocol::Tcp | Protocol::Ws => NONCE_LIFETIME,
        Protocol::Tls | Protocol::Wss => NONCE_LIFETIME_UNHEARD,
    }
}

#[cfg(test)]
mod tests {
    use sip::digest::Algorithm;

    use super::*;

    #[test]
    fn some_protocols_have_challenges_of_their_own() {
        let (md5, sha): (Suite, Suite) = (Algorithm::Md5.into(), Algorithm::Sha256.into());
        let special = vec![(Protocol::Tcp, vec![sha, md5]), (Protocol::Wss, vec![sha])];
        let offers = Offers::new(vec![md5], special, &[Qop::Auth]);
        for (protocol, suites, minutes) in [
            (Protocol::Udp, vec![md5], 1),
            (Protocol::Tcp, vec![sha, md5], 1),
            (Protocol::Tls, vec![md5], 5),
            (Protocol::Ws, vec![md5], 1),
            (Protocol::Wss, vec![sha], 5),
        ] {
            let offer = offers.over(protocol);
            assert_eq!(offer.suites, suites, "{protocol}");
            assert_eq!(offer.nonce_lifetime.as_secs(), minutes * 60, "{protocol}");
        }
    }
}
