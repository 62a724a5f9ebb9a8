//! The secret that stands for a password, and what is computed with it (RFC 7616 §3.4). Must not know headers.

use std::fmt;

use crate::digest::algorithm::{Algorithm, Hasher, HexHash, Keying};
use crate::digest::challenge::Qop;
use crate::digest::reuse::Reuse;

/// `H(user:realm:password)`: all that a server needs to keep, and as secret as the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1 {
    algorithm: Algorithm,
    hash: HexHash,
}

/// What a response is computed over, beside the secret.
pub(crate) struct Exchange<'a> {
    /// Empty where a server proves itself (RFC 7616 §3.5).
    pub(crate) method: &'a [u8],
    pub(crate) uri: &'a [u8],
    pub(crate) nonce: &'a [u8],
    pub(crate) keying: Keying,
    pub(crate) quality: Option<Quality<'a>>,
}

/// The values that exist with a `qop` only.
#[derive(Clone, Copy)]
pub(crate) struct Quality<'a> {
    pub(crate) nonce_count: &'a [u8],
    pub(crate) client_nonce: &'a [u8],
    /// With `auth-int` the body, which is protected too; without one it is empty.
    pub(crate) body: Option<&'a [u8]>,
}

/// What all responses to one nonce have in common where the password is the key and the body is not protected: about half
/// of the work.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// Has taken in the secret and the nonce.
    begun: Hasher,
    /// Of method and URI.
    asked: HexHash,
    /// Of the URI alone, by which a server proves itself (RFC 7616 §3.5).
    answered: HexHash,
}

impl Ha1 {
    /// The secret of a user, from the password (RFC 7616 §3.4.2).
    pub fn derive(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Self {
        let parts = [
            user.as_bytes(),
            b":",
            realm.as_bytes(),
            b":",
            password.as_bytes(),
        ];
        Self {
            algorithm,
            hash: algorithm.hash(&parts),
        }
    }

    /// A secret from its hexadecimal digits, where there are as many as the algorithm has.
    pub fn from_hex(algorithm: Algorithm, digits: &str) -> Option<Self> {
        let hash = HexHash::read(digits.as_bytes())?;
        (hash.as_bytes().len() == algorithm.hex_digits()).then_some(Self { algorithm, hash })
    }

    /// Its hexadecimal digits, for storing. To be handled like a password.
    pub fn to_hex(&self) -> String {
        String::from_utf8_lossy(self.hash.as_bytes()).into_owned()
    }

    /// The algorithm it is made with, which is the only one it serves.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `response` of RFC 7616 §3.4.1; without a quality that of RFC 2617 §3.2.2.1. With an empty method it is
    /// `rspauth` of RFC 7616 §3.5.
    pub(crate) fn response(&self, exchange: &Exchange<'_>) -> HexHash {
        let Exchange {
            method,
            uri,
            nonce,
            keying,
            quality,
        } = exchange;
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let client_nonce = quality.map_or(&b""[..], |quality| quality.client_nonce);
        let secret = match keying {
            Keying::Password => self.hash,
            Keying::Session => hash(&[self.hash.as_bytes(), b":", nonce, b":", client_nonce]),
        };
        let mut hasher = self.algorithm.hasher();
        hasher.update(&[secret.as_bytes(), b":", nonce, b":"]);
        let Some(quality) = quality else {
            let asked = hash(&[method, b":", uri]);
            hasher.update(&[asked.as_bytes()]);
            return hasher.finish();
        };
        let (name, asked) = match quality.body {
            None => (Qop::Auth, hash(&[method, b":", uri])),
            Some(body) => {
                let body = hash(&[body]);
                let asked = hash(&[method, b":", uri, b":", body.as_bytes()]);
                (Qop::AuthInt, asked)
            }
        };
        quality.finish(hasher, name, &asked)
    }
}

impl Quality<'_> {
    /// The response of whoever has begun with the secret and the nonce.
    fn finish(&self, mut begun: Hasher, name: Qop, asked: &HexHash) -> HexHash {
        let name: &[u8] = match name {
            Qop::Auth => b":auth:",
            Qop::AuthInt => b":auth-int:",
        };
        begun.update(&[
            self.nonce_count,
            b":",
            self.client_nonce,
            name,
            asked.as_bytes(),
        ]);
        begun.finish()
    }
}

impl Prepared {
    pub(crate) fn new(reuse: &Reuse<'_>) -> Self {
        let Reuse {
            nonce,
            secret,
            method,
            uri,
            source: _,
        } = reuse;
        let algorithm = secret.algorithm;
        let mut begun = algorithm.hasher();
        begun.update(&[secret.hash.as_bytes(), b":", nonce, b":"]);
        Self {
            begun,
            asked: algorithm.hash(&[method, b":", uri]),
            answered: algorithm.hash(&[b":", uri]),
        }
    }

    /// [`Ha1::response`] of a client with `auth`.
    pub(crate) fn response(&self, quality: &Quality<'_>) -> HexHash {
        quality.finish(self.begun.clone(), Qop::Auth, &self.asked)
    }

    /// [`Ha1::response`] of a server with `auth`.
    pub(crate) fn server_response(&self, quality: &Quality<'_>) -> HexHash {
        quality.finish(self.begun.clone(), Qop::Auth, &self.answered)
    }
}

/// Shows nothing: what is begun is as good as the secret.
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prepared")
    }
}

/// Shows the algorithm alone: the digits are a secret.
impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ha1({})", self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::{Exchange, Ha1, Prepared, Quality};
    use crate::digest::algorithm::{Algorithm, Keying};
    use crate::digest::reuse::Reuse;

    #[track_caller]
    fn check(secret: &Ha1, exchange: &Exchange<'_>, expected: &str) {
        let hash = secret.response(exchange);
        assert_eq!(String::from_utf8_lossy(hash.as_bytes()), expected);
        let Exchange {
            method, uri, nonce, ..
        } = *exchange;
        let Some(quality) = exchange.quality.filter(|quality| quality.body.is_none()) else {
            return;
        };
        if exchange.keying == Keying::Password {
            let prepared = Prepared::new(&Reuse {
                nonce,
                source: Ipv4Addr::LOCALHOST.into(),
                secret,
                method,
                uri,
            });
            let hash = match method {
                b"" => prepared.server_response(&quality),
                _ => prepared.response(&quality),
            };
            assert_eq!(String::from_utf8_lossy(hash.as_bytes()), expected);
        }
    }

    /// RFC 7616 §3.9.1, with the nonces of that example.
    fn mufasa() -> Exchange<'static> {
        Exchange {
            method: b"GET",
            uri: b"/dir/index.html",
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            keying: Keying::Password,
            quality: Some(Quality {
                nonce_count: b"00000001",
                client_nonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                body: None,
            }),
        }
    }

    fn mufasa_secret(algorithm: Algorithm) -> Ha1 {
        let (realm, password) = ("http-auth@example.org", "Circle of Life");
        Ha1::derive(algorithm, "Mufasa", realm, password)
    }

    #[test]
    fn the_first_example_of_rfc_7616() {
        check(
            &mufasa_secret(Algorithm::Md5),
            &mufasa(),
            "8ca523f5e9506fed4657c9700eebdbec",
        );
        check(
            &mufasa_secret(Algorithm::Sha256),
            &mufasa(),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        );
    }

    /// RFC 7616 §3.9.2 as its erratum 4897 corrects it.
    #[test]
    fn the_second_example_of_rfc_7616() {
        let (user, realm) = ("J\u{e4}s\u{f8}n Doe", "api@example.org");
        let secret = Ha1::derive(Algorithm::Sha512Truncated, user, realm, "Secret, or not?");
        check(
            &secret,
            &Exchange {
                method: b"GET",
                uri: b"/doe.json",
                nonce: b"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
                keying: Keying::Password,
                quality: Some(Quality {
                    nonce_count: b"00000001",
                    client_nonce: b"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
                    body: None,
                }),
            },
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5",
        );
    }

    /// RFC 2069 §2.4 with its erratum: what a client without qop computes.
    #[test]
    fn the_example_without_a_quality() {
        let secret = Ha1::derive(
            Algorithm::Md5,
            "Mufasa",
            "testrealm@host.com",
            "CircleOfLife",
        );
        check(
            &secret,
            &Exchange {
                method: b"GET",
                uri: b"/dir/index.html",
                nonce: b"dcd98b7102dd2f0e8b11d0f600bfb0c093",
                keying: Keying::Password,
                quality: None,
            },
            "1949323746fe6a43ef61f9606e7febea",
        );
    }

    /// The values of the first example, in the forms it does not show; computed by Python's hashlib.
    #[test]
    fn sessions_bodies_and_servers_are_hashed_as_well() {
        let with_body = |body| Exchange {
            quality: mufasa().quality.map(|quality| Quality {
                body: Some(body),
                ..quality
            }),
            ..mufasa()
        };
        for (algorithm, session, integrity, server, server_integrity) in [
            (
                Algorithm::Md5,
                "e783283f46242139c486a698fec7211d",
                "64fc99b755562e8ae3db8a223805a496",
                "9b712497bc9f91499fbcca1dfc5f09a5",
                "90784b078730942b2d8829a8635a46c5",
            ),
            (
                Algorithm::Sha256,
                "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7",
                "542113eb10ce53bab6b4d0ef5c83a7d595bc53d2e983627d865e8ce20ce05d0e",
                "86d3b25618d41854ca5039a5d7e53ff6355d5134a9b1fb088a78ac3c462195a0",
                "6555f7c47de0e490a2ce870b135ee006897a9badd6302e2907c138dc244ab17a",
            ),
        ] {
            let secret = mufasa_secret(algorithm);
            let in_session = Exchange {
                keying: Keying::Session,
                ..mufasa()
            };
            check(&secret, &in_session, session);
            check(&secret, &with_body(b"some body"), integrity);
            let of_server = Exchange {
                method: b"",
                ..mufasa()
            };
            check(&secret, &of_server, server);
            let of_server = Exchange {
                method: b"",
                ..with_body(b"")
            };
            check(&secret, &of_server, server_integrity);
        }
    }

    #[test]
    fn secrets_come_back_from_their_digits_and_hide_in_debug() {
        for algorithm in Algorithm::ALL {
            let secret = Ha1::derive(algorithm, "alice", "shop.example", "wonder");
            let digits = secret.to_hex();
            assert_eq!(
                Ha1::from_hex(algorithm, &digits.to_uppercase()),
                Some(secret.clone())
            );
            assert!(!format!("{secret:?}").contains(&digits));
        }
        assert_eq!(Ha1::from_hex(Algorithm::Sha256, &"0".repeat(32)), None);
        assert_eq!(Ha1::from_hex(Algorithm::Md5, &"g".repeat(32)), None);
        assert_eq!(Ha1::from_hex(Algorithm::Md5, &"0".repeat(100)), None);
    }
}
