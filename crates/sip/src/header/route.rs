//! Route, Record-Route, Path and Service-Route: the proxies on a way (RFC 3261 §20.30, §20.34; RFC 3327; RFC 3608).
//! Must not know who goes that way.

use nom::Parser;

use crate::error::HeaderError;
use crate::grammar::{self, Parsed};
use crate::header::name_addr::{NameAddr, bracketed};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// One proxy on the way. Its brackets are part of the grammar, unlike those of From.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The proxy's address, with the parameters behind the brackets.
    pub address: NameAddr<'a>,
}

impl<'a> Route<'a> {
    /// Reads one value of the header `name`.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(name: HeaderName, value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(route, value).ok_or(HeaderError::malformed(name))
    }

    /// Whether the proxy routes loosely, as all have done since RFC 2543 (RFC 3261 §19.1.1, `lr`).
    pub fn is_loose(&self) -> bool {
        self.address
            .sip_uri()
            .is_some_and(|uri| uri.params.get("lr").is_some())
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.address.write(out);
    }
}

impl Headers {
    /// The proxies of Route, Record-Route, Path or Service-Route, in their order.
    pub fn routes(&self, name: HeaderName) -> impl Iterator<Item = Result<Route<'_>, HeaderError>> {
        self.values(name)
            .map(move |value| Route::parse(name, value))
    }
}

fn route(input: &[u8]) -> Parsed<'_, Route<'_>> {
    (bracketed, grammar::params)
        .map(|((display, uri), params)| Route {
            address: NameAddr {
                display,
                uri,
                params,
            },
        })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Route;
    use crate::header_name::HeaderName;
    use crate::message::Message;

    #[test]
    fn proxies_of_all_lines_keep_their_order() {
        let text = "OPTIONS sip:h SIP/2.0\r\nRoute: <sip:p1;lr>, \"two, and\" <sip:u,v@p2;a=b>;x=1\r\nRoute: <sips:p3;lr>\r\n\r\n";
        let message = Message::parse(Bytes::from(text)).unwrap();
        let routes: Result<Vec<_>, _> = message.headers().routes(HeaderName::Route).collect();
        let routes = routes.unwrap();
        let loose: Vec<_> = routes.iter().map(Route::is_loose).collect();
        assert_eq!(loose, [true, false, true]);
        assert_eq!(routes[1].address.params.token("x"), Some("1"));
    }

    #[test]
    fn a_way_has_brackets() {
        for text in ["sip:p1;lr", "<sip:p1", "", "<>", "<sip:p1;lr> x"] {
            assert!(
                Route::parse(HeaderName::Path, text.as_bytes()).is_err(),
                "{text}"
            );
        }
    }
}
