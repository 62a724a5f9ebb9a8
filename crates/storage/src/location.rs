//! Where the journal is kept, read from its address. Must not touch the file system.

use std::fmt;
use std::path::PathBuf;

use crate::error::OpenError;

/// A place for a journal; what [`Journal::open`](crate::Journal::open) makes of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A database file.
    File(PathBuf),
    /// Nothing outlives the journal.
    Memory,
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL database, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresUrl(..)")
    }
}

impl Location {
    /// Reads `sqlite:PATH`, `sqlite::memory:` or `postgres://…`.
    pub fn read(url: &str) -> Result<Self, OpenError> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(OpenError::BadUrl {
                url: url.to_owned(),
            });
        };
        match scheme {
            "sqlite" if rest == ":memory:" => Ok(Self::Memory),
            "sqlite" => {
                // `sqlite://host/path` is how others write addresses; a path is never meant by it.
                let names_a_host = rest.starts_with("//") && !rest.starts_with("///");
                if rest.is_empty() || rest.starts_with(':') || names_a_host || rest.contains('\0') {
                    return Err(OpenError::BadUrl {
                        url: url.to_owned(),
                    });
                }
                Ok(Self::File(PathBuf::from(rest)))
            }
            "postgres" | "postgresql" if rest.starts_with("//") => {
                Ok(Self::Postgres(PostgresUrl(url.to_owned())))
            }
            // The rest of an unknown address may hold a password.
            scheme => Err(OpenError::BadUrl {
                url: format!("{scheme}:…"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let read = match Location::read(url) {
            Ok(location) => format!("{location:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn addresses_are_read_or_explained() {
        check("sqlite:deskbell.db", r#"File("deskbell.db")"#);
        check(
            "sqlite:/var/lib/deskbell.db",
            r#"File("/var/lib/deskbell.db")"#,
        );
        check(
            "sqlite:///var/lib/deskbell.db",
            r#"File("///var/lib/deskbell.db")"#,
        );
        check("sqlite::memory:", "Memory");
        let hint = "write sqlite:PATH or postgres://USER@HOST/DATABASE";
        check(
            "sqlite:",
            &format!(r#""sqlite:" is no storage address; {hint}"#),
        );
        check(
            "sqlite://host",
            &format!(r#""sqlite://host" is no storage address; {hint}"#),
        );
        check(
            "deskbell.db",
            &format!(r#""deskbell.db" is no storage address; {hint}"#),
        );
        check(
            "mysql://me:secret@db",
            &format!(r#""mysql:…" is no storage address; {hint}"#),
        );
        check(
            "postgres://me:secret@db/deskbell",
            "Postgres(PostgresUrl(..))",
        );
    }
}
