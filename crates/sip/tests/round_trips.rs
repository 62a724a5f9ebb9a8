//! Every typed header: what its grammar makes is read, and says the same after it was printed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use proptest::strategy::BoxedStrategy;
use proptest::{collection, prop_assert, prop_assert_eq};
use sip::{HeaderError, HeaderName, Headers, Message};

/// A header, values of its grammar, and how it is read.
struct Case {
    name: HeaderName,
    values: BoxedStrategy<String>,
    read: Read,
}

/// What a header says, as a text that differs where the meaning does.
type Read = fn(&Headers, HeaderName) -> Result<String, HeaderError>;

fn one<T: Debug>(value: Result<Option<T>, HeaderError>) -> Result<String, HeaderError> {
    value.map(|value| format!("{:?}", value.unwrap()))
}

fn all<T: Debug>(
    values: impl Iterator<Item = Result<T, HeaderError>>,
) -> Result<String, HeaderError> {
    let values: Vec<T> = values.collect::<Result<_, _>>()?;
    Ok(format!("{values:?}"))
}

const TOKEN: &str = "[a-zA-Z0-9.!%*_+`'~-]{1,12}";
/// Blanks where the grammar allows them.
const BLANK: &str = "[ \t]{0,2}";

fn quoted() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ !#-\\[\\]-~\u{e9}\u{4e16}]{0,8}",
        Just("\\\"".to_owned()),
        Just("\\\\".to_owned()),
        Just("\\,".to_owned()),
    ];
    collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn params() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just(None),
        TOKEN.prop_map(Some),
        quoted().prop_map(Some),
        Just(Some("[2001:db8::1]".to_owned()))
    ];
    // The names that mean something would be bound to values that do.
    let param = (BLANK, "x[a-z0-9-]{1,8}", BLANK, value).prop_map(
        |(before, name, after, value)| match value {
            Some(value) => format!("{before};{after}{name}{before}={after}{value}"),
            None => format!("{before};{name}"),
        },
    );
    collection::vec(param, 0..4).prop_map(|params| params.concat())
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}(\\.[a-z]{2,5}){0,2}",
        Just("192.0.2.7".to_owned()),
        Just("[2001:db8::7]".to_owned()),
    ]
}

fn sip_uri() -> impl Strategy<Value = String> {
    (
        prop_oneof![Just("sip"), Just("SIPS")],
        "([a-zA-Z0-9.!~*'()&=+$;?/_-]|%[0-9a-fA-F]{2}){0,10}",
        host(),
        proptest::option::of(1..=u16::MAX),
        "(;[a-z]{1,6}(=([a-z0-9.]|%41){1,6})?){0,3}",
    )
        .prop_map(|(scheme, user, host, port, params)| {
            let at = if user.is_empty() { "" } else { "@" };
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}:{user}{at}{host}{port}{params}")
        })
}

fn any_uri() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => sip_uri(),
        1 => "tel:\\+[0-9][0-9.()-]{2,12}(;ext=[0-9]{1,4})?",
        1 => "tel:[0-9*#]{2,9};phone-context=[a-z]{2,6}\\.example",
        1 => (prop_oneof![Just("pres"), Just("im")], "[a-z0-9._+-]{1,9}", host())
            .prop_map(|(scheme, user, host)| format!("{scheme}:{user}@{host}")),
        1 => "urn:[a-z]{2,5}:[a-z0-9:.-]{1,12}",
    ]
}

fn bracketed() -> impl Strategy<Value = String> {
    let display = prop_oneof![
        Just(String::new()),
        quoted(),
        "[a-zA-Z0-9.]{1,6}( [a-z]{1,6}){0,2}".prop_map(|words| format!("{words} ")),
    ];
    (display, BLANK, any_uri(), params())
        .prop_map(|(display, blank, uri, params)| format!("{display}{blank}<{uri}>{params}"))
}

fn seconds() -> impl Strategy<Value = String> {
    "[0-9]{1,12}"
}

fn comment() -> impl Strategy<Value = String> {
    let text = "[ -'*-\\[\\]-~]{0,6}";
    (text, text, text).prop_map(|(one, two, three)| format!("({one}({two}\\)){three})"))
}

fn cases() -> Vec<Case> {
    let case = |name, values: BoxedStrategy<String>, read| Case { name, values, read };
    let weighted = || {
        (
            "[a-z]{1,8}|\\*",
            "(;q=(0(\\.[0-9]{1,3})?|1(\\.0{1,3})?))?",
            params(),
        )
            .prop_map(|(name, quality, params)| format!("{name}{quality}{params}"))
            .boxed()
    };
    let listed = |values: BoxedStrategy<String>| {
        (collection::vec(values, 1..4), BLANK)
            .prop_map(|(values, blank)| values.join(&format!("{blank},{blank}")))
            .boxed()
    };
    let with_params = |first: &'static str| {
        (first, params())
            .prop_map(|(first, params)| format!("{first}{params}"))
            .boxed()
    };
    let media = || {
        (TOKEN, BLANK, TOKEN, params())
            .prop_map(|(kind, blank, subtype, params)| {
                format!("x{kind}{blank}/{blank}{subtype}{params}")
            })
            .boxed()
    };
    let product = prop_oneof![
        TOKEN,
        (TOKEN, BLANK, TOKEN)
            .prop_map(|(name, blank, version)| format!("{name}{blank}/{blank}{version}")),
        comment()
    ];
    let products = collection::vec(product, 1..4).prop_map(|all| all.join(" "));
    let via = (
        "(UDP|TCP|TLS|WSS|[A-Z]{2,5})",
        BLANK,
        host(),
        proptest::option::of(1..=u16::MAX),
        params(),
    )
        .prop_map(|(transport, blank, host, port, params)| {
            let port = port
                .map(|port| format!("{blank}:{blank}{port}"))
                .unwrap_or_default();
            format!("SIP{blank}/{blank}2.0{blank}/{blank}{transport} {host}{port}{params}")
        });
    let info = (TOKEN, BLANK, quoted()).prop_map(|(name, blank, value)| {
        format!("{name}{blank}={blank}{value}{blank},{blank}nc=00000001")
    });
    let warning = ("[1-9][0-9]{2}", host(), BLANK, quoted())
        .prop_map(|(code, agent, blank, text)| format!("{code} {blank}{agent} {blank}{text}"));
    let retry = (seconds(), proptest::option::of(comment()), params()).prop_map(
        |(seconds, comment, params)| format!("{seconds} {}{params}", comment.unwrap_or_default()),
    );
    let date = (0..253_402_300_800_u64)
        .prop_map(|second| sip::Date::from_unix(second).unwrap().to_string());
    vec![
        case(HeaderName::Via, listed(via.boxed()), |headers, _| {
            all(headers.vias())
        }),
        case(HeaderName::From, bracketed().boxed(), |headers, _| {
            one(headers.from().map(Some))
        }),
        case(HeaderName::To, bracketed().boxed(), |headers, _| {
            one(headers.to().map(Some))
        }),
        case(
            HeaderName::Contact,
            listed(bracketed().boxed()),
            |headers, _| all(headers.contacts()),
        ),
        case(
            HeaderName::PAssertedIdentity,
            listed(bracketed().boxed()),
            |headers, name| all(headers.name_addrs(name)),
        ),
        case(
            HeaderName::Route,
            listed(bracketed().boxed()),
            |headers, name| all(headers.routes(name)),
        ),
        case(
            HeaderName::RecordRoute,
            listed(bracketed().boxed()),
            |headers, name| all(headers.routes(name)),
        ),
        case(
            HeaderName::Path,
            listed(bracketed().boxed()),
            |headers, name| all(headers.routes(name)),
        ),
        case(
            HeaderName::ServiceRoute,
            listed(bracketed().boxed()),
            |headers, name| all(headers.routes(name)),
        ),
        case(
            HeaderName::CSeq,
            "[0-9]{1,9}[ \t]{1,2}[A-Z]{2,9}".boxed(),
            |headers, _| one(headers.cseq().map(Some)),
        ),
        case(
            HeaderName::CallId,
            "[a-zA-Z0-9@.<>:/?{}%*-]{1,30}".boxed(),
            |headers, _| one(headers.call_id().map(Some)),
        ),
        case(
            HeaderName::MaxForwards,
            "0{0,3}[0-9]{1,2}".boxed(),
            |headers, _| one(headers.max_forwards()),
        ),
        case(HeaderName::Expires, seconds().boxed(), |headers, _| {
            one(headers.expires())
        }),
        case(HeaderName::MinExpires, seconds().boxed(), |headers, _| {
            one(headers.min_expires())
        }),
        case(
            HeaderName::Event,
            with_params("[a-z]{1,8}(\\.winfo)?"),
            |headers, _| one(headers.event()),
        ),
        case(
            HeaderName::SubscriptionState,
            with_params("(active|Pending|TERMINATED|[a-z]{1,6})"),
            |headers, _| one(headers.subscription_state()),
        ),
        case(HeaderName::SipEtag, TOKEN.boxed(), |headers, _| {
            one(headers.entity_tag())
        }),
        case(HeaderName::SipIfMatch, TOKEN.boxed(), |headers, _| {
            one(headers.if_match())
        }),
        case(HeaderName::SuppressIfMatch, TOKEN.boxed(), |headers, _| {
            one(headers.suppress_if_match())
        }),
        case(HeaderName::Accept, listed(media()), |headers, _| {
            all(headers.accepts())
        }),
        case(
            HeaderName::AcceptEncoding,
            listed(weighted()),
            |headers, _| all(headers.accepted_encodings()),
        ),
        case(
            HeaderName::AcceptLanguage,
            listed(weighted()),
            |headers, _| all(headers.accepted_languages()),
        ),
        case(HeaderName::ContentType, media(), |headers, _| {
            one(headers.content_type())
        }),
        case(
            HeaderName::ContentDisposition,
            with_params(TOKEN),
            |headers, _| one(headers.content_disposition()),
        ),
        case(
            HeaderName::ContentEncoding,
            listed(TOKEN.boxed()),
            |headers, name| all(headers.tokens(name)),
        ),
        case(HeaderName::Allow, listed(TOKEN.boxed()), |headers, name| {
            all(headers.tokens(name))
        }),
        case(
            HeaderName::AllowEvents,
            listed(TOKEN.boxed()),
            |headers, name| all(headers.tokens(name)),
        ),
        case(
            HeaderName::Require,
            listed(TOKEN.boxed()),
            |headers, name| all(headers.tokens(name)),
        ),
        case(
            HeaderName::ProxyRequire,
            listed(TOKEN.boxed()),
            |headers, name| all(headers.tokens(name)),
        ),
        case(
            HeaderName::Supported,
            listed(TOKEN.boxed()),
            |headers, name| all(headers.tokens(name)),
        ),
        case(
            HeaderName::Unsupported,
            listed(TOKEN.boxed()),
            |headers, name| all(headers.tokens(name)),
        ),
        case(
            HeaderName::AuthenticationInfo,
            info.boxed(),
            |headers, _| one(headers.authentication_info()),
        ),
        case(HeaderName::RetryAfter, retry.boxed(), |headers, _| {
            one(headers.retry_after())
        }),
        case(HeaderName::Date, date.boxed(), |headers, _| {
            one(headers.date())
        }),
        case(
            HeaderName::UserAgent,
            products.clone().boxed(),
            |headers, _| one(headers.user_agent()),
        ),
        case(HeaderName::Server, products.boxed(), |headers, _| {
            one(headers.server())
        }),
        case(
            HeaderName::Warning,
            listed(warning.boxed()),
            |headers, _| all(headers.warnings()),
        ),
        case(
            HeaderName::Reason,
            listed(with_params(TOKEN)),
            |headers, _| all(headers.reasons()),
        ),
        case(
            HeaderName::RAck,
            "[1-9][0-9]{0,8} {1,2}[0-9]{1,9} [A-Z]{2,9}".boxed(),
            |headers, _| one(headers.rack()),
        ),
        case(HeaderName::RSeq, "[1-9][0-9]{0,8}".boxed(), |headers, _| {
            one(headers.rseq())
        }),
        case(
            HeaderName::SessionExpires,
            with_params("[0-9]{1,10}"),
            |headers, _| one(headers.session_expires()),
        ),
        case(
            HeaderName::MinSe,
            with_params("[0-9]{1,10}"),
            |headers, _| one(headers.min_session_expires()),
        ),
    ]
}

/// A header, a value of its grammar, and how it is read.
fn header() -> impl Strategy<Value = (HeaderName, String, Read)> {
    let cases = cases().into_iter().map(|Case { name, values, read }| {
        values.prop_map(move |value| (name, value, read)).boxed()
    });
    proptest::strategy::Union::new(cases)
}

fn proxied(value: &str, name: HeaderName) -> Message {
    let text = format!("OPTIONS sip:h SIP/2.0\r\n{name}: {value}\r\nContent-Length: 0\r\n\r\n");
    Message::parse(Bytes::from(text)).unwrap()
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4000))]

    #[test]
    fn every_header_says_the_same_after_it_was_printed((name, value, read) in header()) {
        let message = proxied(&value, name);
        let said = read(message.headers(), name);
        prop_assert!(said.is_ok(), "{name}: {value}: {said:?}");
        let printed = message.to_canonical();
        let again = Message::parse(printed.clone()).unwrap();
        prop_assert_eq!(read(again.headers(), name), said, "{}: {}", name, value);
        prop_assert_eq!(again.to_canonical(), printed);
    }
}
