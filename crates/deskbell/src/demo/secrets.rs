//! The demo's passwords and keys: those of an earlier demo in the same directory, else new ones.
//! Must not know what they open.

use std::collections::BTreeMap;

use super::facts::Facts;
use crate::random;

/// Secrets by the name under which the sample data asks for them.
pub(super) struct Secrets {
    by_name: BTreeMap<String, String>,
}

impl Secrets {
    /// Fills each `@name@` of `sample` with the secret of that name.
    pub(super) fn fill(
        sample: &str,
        earlier: Option<&Facts>,
    ) -> Result<(Self, String), getrandom::Error> {
        let mut secrets = Self {
            by_name: earlier.map(known).unwrap_or_default(),
        };
        secrets.keep_or_invent("admin_key")?;
        let mut filled = String::with_capacity(sample.len());
        for (index, part) in sample.split('@').enumerate() {
            // Every second part stands between two signs.
            if index % 2 == 1 {
                secrets.keep_or_invent(part)?;
                filled.push_str(&secrets.of(part));
            } else {
                filled.push_str(part);
            }
        }
        Ok((secrets, filled))
    }

    /// The secret of this name; empty if nothing asked for it.
    pub(super) fn of(&self, name: &str) -> String {
        self.by_name.get(name).cloned().unwrap_or_default()
    }

    fn keep_or_invent(&mut self, name: &str) -> Result<(), getrandom::Error> {
        if !self.by_name.contains_key(name) {
            let secret = if name == "admin_key" || name.ends_with("_secret") {
                random::word::<32>()?
            } else {
                random::word::<10>()?
            };
            self.by_name.insert(name.to_owned(), secret);
        }
        Ok(())
    }
}

/// The name under which the sample data asks for the secret of a site after the first.
pub(super) fn secret_name(site: &str) -> String {
    format!("{site}_secret")
}

fn known(facts: &Facts) -> BTreeMap<String, String> {
    facts
        .reps
        .iter()
        .map(|rep| (rep.user.clone(), rep.password.clone()))
        .chain([
            ("admin_key".to_owned(), facts.admin_key.clone()),
            ("site_secret".to_owned(), facts.site_secret.clone()),
        ])
        .chain(
            facts
                .sites
                .iter()
                .skip(1)
                .map(|site| (secret_name(&site.id), site.secret.clone())),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_gets_one_secret_and_keeps_it() {
        let (secrets, filled) = Secrets::fill("a = @one@, b = @one@, c = @two@", None).unwrap();
        let (one, two) = (secrets.of("one"), secrets.of("two"));
        assert_eq!(filled, format!("a = {one}, b = {one}, c = {two}"));
        assert_ne!(one, two);
    }
}
