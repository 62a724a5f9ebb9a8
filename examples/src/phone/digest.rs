//! Answers a digest challenge with MD5.
//! Must not send anything.

use anyhow::Context;
use rsip::headers::auth::{Algorithm, AuthQop};
use rsip::headers::{self, ToTypedHeader, UntypedHeader};
use rsip::services::DigestGenerator;
use rsip::typed::WwwAuthenticate;
use rsip::{Header, Method, Response, Uri};

use super::Account;
use crate::unique::token;

/// The Authorization value that answers the challenge in `refused`, a 401 as it came, for a request that was
/// not built by a phone of ours.
///
/// # Errors
/// Where `refused` is no 401, or has no challenge for MD5.
pub fn credentials(
    refused: &[u8],
    account: &Account,
    method: Method,
    uri: &str,
) -> anyhow::Result<String> {
    let refused = Response::try_from(refused)?;
    let challenge = challenge(&refused).context("an answer that challenges nobody")??;
    match answer(&challenge, account, method, uri)? {
        Header::Authorization(credentials) => Ok(credentials.value().to_owned()),
        other => anyhow::bail!("{other} where credentials were to be"),
    }
}

/// The MD5 challenge of a 401, or nothing if the answer is none.
pub(super) fn challenge(response: &Response) -> Option<anyhow::Result<WwwAuthenticate>> {
    if response.status_code.code() != 401 {
        return None;
    }
    let challenge = response.headers.iter().find_map(|header| match header {
        // rsip refuses to read `algorithm=SHA-256`: such a challenge is for other phones.
        Header::WwwAuthenticate(text) => text
            .typed()
            .ok()
            .filter(|challenge| matches!(challenge.algorithm, None | Some(Algorithm::Md5))),
        _ => None,
    });
    Some(challenge.context("a 401 without an MD5 challenge"))
}

/// The Authorization header that answers it.
pub(super) fn answer(
    challenge: &WwwAuthenticate,
    account: &Account,
    method: Method,
    uri: &str,
) -> anyhow::Result<Header> {
    let cnonce = token();
    let qop = challenge.qop.as_ref().map(|_| AuthQop::Auth {
        cnonce: cnonce.clone(),
        nc: 1,
    });
    let response = DigestGenerator {
        username: &account.user,
        password: &account.password,
        nonce: &challenge.nonce,
        uri: &Uri::try_from(uri)?,
        realm: &challenge.realm,
        method: &method,
        qop: qop.as_ref(),
        algorithm: Algorithm::Md5,
    }
    .compute();
    let mut text = format!(
        "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{response}\", algorithm=MD5",
        account.user, challenge.realm, challenge.nonce
    );
    if qop.is_some() {
        // RFC 3261 §25.1: qop and nc stand without quotes in an answer; rsip would quote the first.
        text.push_str(&format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = &challenge.opaque {
        text.push_str(&format!(", opaque=\"{opaque}\""));
    }
    Ok(headers::Authorization::new(text).into())
}
