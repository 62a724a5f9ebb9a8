//! Headers that are lists of words: Allow, Allow-Events, Content-Encoding, Require, Proxy-Require, Supported and
//! Unsupported. Must not know what the words mean.

use crate::error::HeaderError;
use crate::grammar;
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::method::Method;

impl Headers {
    /// The words of a header that is a list of them, in their order.
    pub fn tokens(&self, name: HeaderName) -> impl Iterator<Item = Result<&str, HeaderError>> {
        self.values(name).map(move |value| {
            grammar::read_all(grammar::token, value).ok_or(HeaderError::malformed(name))
        })
    }

    /// Whether the peer names this option-tag in Supported or Require (RFC 3261 §20.37, §20.32).
    pub fn supports(&self, option_tag: &str) -> bool {
        [HeaderName::Supported, HeaderName::Require]
            .into_iter()
            .flat_map(|name| self.tokens(name))
            .any(|found| found.is_ok_and(|found| found.eq_ignore_ascii_case(option_tag)))
    }

    /// Whether the peer takes requests of this method, if it has an Allow that says so (RFC 3261 §20.5).
    pub fn allows(&self, method: Method) -> Option<bool> {
        self.header(HeaderName::Allow)?;
        let mut allowed = self.tokens(HeaderName::Allow);
        Some(allowed.any(|found| found == Ok(method.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::header_name::HeaderName;
    use crate::message::Message;
    use crate::method::Method;

    fn message(headers: &str) -> Message {
        Message::parse(Bytes::from(format!("SIP/2.0 200 OK\r\n{headers}\r\n"))).unwrap()
    }

    #[test]
    fn words_of_all_lines_are_one_list() {
        let message = message(
            "k: path, Outbound\r\nSupported: \r\nSupported: 100rel,,gruu\r\nu: presence, presence.winfo\r\n",
        );
        let tokens = |name| {
            let tokens: Result<Vec<_>, _> = message.headers().tokens(name).collect();
            tokens.unwrap()
        };
        assert_eq!(
            tokens(HeaderName::Supported),
            ["path", "Outbound", "100rel", "gruu"]
        );
        assert_eq!(
            tokens(HeaderName::AllowEvents),
            ["presence", "presence.winfo"]
        );
        assert!(message.headers().supports("outbound"));
        assert!(!message.headers().supports("timer"));
    }

    #[test]
    fn what_is_no_word_is_an_error() {
        let message = message("Require: a b\r\n");
        assert!(
            message
                .headers()
                .tokens(HeaderName::Require)
                .next()
                .unwrap()
                .is_err()
        );
    }

    #[test]
    fn allow_says_yes_or_no_only_where_it_is_there() {
        let message_of = message("Allow: INVITE, MESSAGE\r\n");
        assert_eq!(message_of.headers().allows(Method::Message), Some(true));
        assert_eq!(message_of.headers().allows(Method::Publish), Some(false));
        assert_eq!(message("").headers().allows(Method::Message), None);
        assert_eq!(
            message("Allow:\r\n").headers().allows(Method::Message),
            Some(false)
        );
    }
}
