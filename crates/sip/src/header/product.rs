//! User-Agent and Server: which software spoke (RFC 3261 §20.35, §20.41). Must not judge it.

use std::fmt;

use nom::Parser;
use nom::branch::alt;
use nom::character::complete::char;
use nom::combinator::{opt, recognize};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded};

use crate::error::HeaderError;
use crate::grammar::{self, Parsed, blank};
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// What a User-Agent or Server is made of; a view that allocates nothing.
#[derive(Clone, Copy)]
pub struct Products<'a> {
    /// Invariant: in the grammar of `server-val *(LWS server-val)`.
    raw: &'a [u8],
}

/// One piece of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product<'a> {
    /// A program.
    Named {
        /// Its name.
        name: &'a str,
        /// Its version.
        version: Option<&'a str>,
    },
    /// What stands in parentheses, with its escapes.
    Comment(&'a [u8]),
}

impl<'a> Products<'a> {
    /// Reads a value of the header `name`.
    ///
    /// # Errors
    /// Where it is outside the grammar, as with phones that write free text there.
    pub fn parse(name: HeaderName, value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(products, value).ok_or(HeaderError::malformed(name))
    }

    /// The pieces in their order.
    pub fn iter(&self) -> impl Iterator<Item = Product<'a>> + use<'a> {
        let mut rest = self.raw;
        std::iter::from_fn(move || {
            let (after, product) = preceded(blank, product).parse(rest).ok()?;
            rest = after;
            Some(product)
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (nth, product) in self.iter().enumerate() {
            if nth > 0 {
                out.push(b' ');
            }
            match product {
                Product::Named { name, version } => {
                    out.extend(name.as_bytes());
                    if let Some(version) = version {
                        out.push(b'/');
                        out.extend(version.as_bytes());
                    }
                }
                Product::Comment(text) => {
                    out.push(b'(');
                    out.extend(text);
                    out.push(b')');
                }
            }
        }
    }
}

impl PartialEq for Products<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Products<'_> {}

impl fmt::Debug for Products<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Headers {
    /// The software that sent a request.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn user_agent(&self) -> Result<Option<Products<'_>>, HeaderError> {
        self.products(HeaderName::UserAgent)
    }

    /// The software that answered one.
    ///
    /// # Errors
    /// Where it is malformed, or there twice.
    pub fn server(&self) -> Result<Option<Products<'_>>, HeaderError> {
        self.products(HeaderName::Server)
    }

    fn products(&self, name: HeaderName) -> Result<Option<Products<'_>>, HeaderError> {
        let value = self.single(name)?;
        value.map(|value| Products::parse(name, value)).transpose()
    }
}

fn products(input: &[u8]) -> Parsed<'_, Products<'_>> {
    recognize((product, many0_count(preceded(blank, product))))
        .map(|raw| Products { raw })
        .parse(input)
}

fn product(input: &[u8]) -> Parsed<'_, Product<'_>> {
    alt((
        grammar::comment.map(Product::Comment),
        (
            grammar::token,
            opt(preceded(delimited(blank, char('/'), blank), grammar::token)),
        )
            .map(|(name, version)| Product::Named { name, version }),
    ))
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::{Product, Products};
    use crate::header_name::HeaderName;

    #[test]
    fn software_is_names_versions_and_comments() {
        let text = br"baresip v1.1.0 / 2 (x86_64 (64-bit) \) ok)Linphone/5.1";
        let products = Products::parse(HeaderName::UserAgent, text).unwrap();
        let pieces: Vec<_> = products.iter().collect();
        let named = |name, version| Product::Named { name, version };
        assert_eq!(
            pieces,
            [
                named("baresip", None),
                named("v1.1.0", Some("2")),
                Product::Comment(br"x86_64 (64-bit) \) ok"),
                named("Linphone", Some("5.1")),
            ]
        );
    }

    #[test]
    fn malformed_software() {
        for text in ["", "(open", "a/", "/1", "a <b>", "a)"] {
            assert!(
                Products::parse(HeaderName::Server, text.as_bytes()).is_err(),
                "{text}"
            );
        }
    }

    /// Security row S23: nesting costs no stack.
    #[test]
    fn comments_nest_without_end() {
        for depth in [10, 1_000, 4_000] {
            let text = format!("x {}{}", "(".repeat(depth), ")".repeat(depth));
            let products = Products::parse(HeaderName::UserAgent, text.as_bytes()).unwrap();
            assert_eq!(products.iter().count(), 2);
        }
    }
}
