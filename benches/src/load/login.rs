//! How the users of the load prove themselves: Digest with `qop=auth` (RFC 7616 §3.4). Must not know what they ask for.

use anyhow::{Context, bail};
use md5::{Digest as _, Md5};
use memchr::memmem;

/// What all users know.
pub(super) struct Logins {
    password: String,
    domain: String,
    users: Vec<Option<Challenge>>,
}

/// What a server asked of one user last.
struct Challenge {
    realm: String,
    nonce: String,
    /// MD5 of user, realm and password, as text.
    secret: String,
    uses: u32,
}

impl Logins {
    pub(super) fn new(password: &str, domain: &str, users: usize) -> Self {
        Self {
            password: password.to_owned(),
            domain: domain.to_owned(),
            users: std::iter::repeat_with(|| None).take(users).collect(),
        }
    }

    /// Takes in a 401; of several challenges the one for MD5.
    ///
    /// # Errors
    /// Where there is none for MD5 with `qop=auth`.
    pub(super) fn challenged(&mut self, user: usize, answer: &[u8]) -> anyhow::Result<()> {
        let text = String::from_utf8_lossy(answer);
        let challenge = text
            .split("\r\n")
            .filter_map(|line| line.strip_prefix("WWW-Authenticate: Digest "))
            .find(|line| parameter(line, "algorithm").is_none_or(|it| it == "MD5"))
            .context("the server does not ask for MD5")?;
        if !parameter(challenge, "qop").is_some_and(|qop| qop.split(',').any(|it| it == "auth")) {
            bail!("the server does not ask for qop=auth");
        }
        let realm = parameter(challenge, "realm").context("the challenge has no realm")?;
        let nonce = parameter(challenge, "nonce").context("the challenge has no nonce")?;
        let place = self.users.get_mut(user).context("a user nobody knows")?;
        let name = name(user);
        *place = Some(Challenge {
            secret: hash(&format!("{name}:{realm}:{}", self.password)),
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            uses: 0,
        });
        Ok(())
    }

    /// The line that proves `user`, or nothing where no challenge is known.
    pub(super) fn line(&mut self, user: usize, method: &str, uri_of_user: bool) -> String {
        let uri = match uri_of_user {
            true => format!("sip:{}@{}", name(user), self.domain),
            false => format!("sip:{}", self.domain),
        };
        let Some(Some(challenge)) = self.users.get_mut(user) else {
            return String::new();
        };
        challenge.uses += 1;
        let Challenge {
            realm,
            nonce,
            secret,
            uses,
        } = challenge;
        let asked = hash(&format!("{method}:{uri}"));
        let proof = hash(&format!(
            "{secret}:{nonce}:{uses:08x}:{CNONCE}:auth:{asked}"
        ));
        format!(
            "Authorization: Digest username=\"{}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{proof}\", \
             algorithm=MD5, cnonce=\"{CNONCE}\", qop=auth, nc={uses:08x}\r\n",
            name(user)
        )
    }

    /// The user waits for another challenge.
    pub(super) fn forget(&mut self, user: usize) {
        if let Some(place) = self.users.get_mut(user) {
            *place = None;
        }
    }
}

const CNONCE: &str = "0a4f113b";

/// As templates write it.
pub(crate) fn name(user: usize) -> String {
    format!("u{user:07}")
}

fn hash(text: &str) -> String {
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(text) {
        for digit in [byte >> 4, byte & 0xf] {
            hex.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    hex
}

/// Of a challenge whose quoted texts have no commas inside but those of `qop`.
fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let bytes = challenge.as_bytes();
    let key = format!("{name}=");
    let at = memmem::find_iter(bytes, key.as_bytes()).find(|at| {
        at.checked_sub(1)
            .and_then(|before| bytes.get(before))
            .is_none_or(|it| b" ,".contains(it))
    })?;
    let rest = challenge.get(at + key.len()..)?;
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split([',', ' ']).next(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Logins, hash};

    #[test]
    fn each_use_of_a_nonce_is_proven_anew() {
        let mut logins = Logins::new("secret", "shop.example", 1);
        assert_eq!(logins.line(0, "PUBLISH", true), "");
        let answer = "SIP/2.0 401 Unauthorized\r\n\
                      WWW-Authenticate: Digest realm=\"shop.example\", nonce=\"b\", algorithm=SHA-256, qop=\"auth\"\r\n\
                      WWW-Authenticate: Digest realm=\"shop.example\", qop=\"auth,auth-int\", nonce=\"a,b\", algorithm=MD5\r\n\r\n";
        logins.challenged(0, answer.as_bytes()).unwrap();
        let secret = hash("u0000000:shop.example:secret");
        let asked = hash("PUBLISH:sip:u0000000@shop.example");
        for uses in ["00000001", "00000002"] {
            let proof = hash(&format!("{secret}:a,b:{uses}:0a4f113b:auth:{asked}"));
            let line = logins.line(0, "PUBLISH", true);
            assert!(
                line.contains(&format!("response=\"{proof}\"")) && line.contains(uses),
                "{line}"
            );
        }
        logins.forget(0);
        assert_eq!(logins.line(0, "PUBLISH", true), "");
    }

    #[test]
    fn a_server_that_wants_something_else_is_told_of() {
        let mut logins = Logins::new("secret", "shop.example", 1);
        for lines in [
            "",
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\"\r\n",
            "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
        ] {
            let answer = format!("SIP/2.0 401 Unauthorized\r\n{lines}\r\n");
            assert!(logins.challenged(0, answer.as_bytes()).is_err(), "{lines}");
        }
    }
}
