//! The name a presentity goes by inside the domain: the user part of its address of record.
//! Must not know SIP addresses: the edge has taken scheme, domain, port and parameters off.

use std::{borrow::Borrow, fmt};

use smol_str::SmolStr;

/// The key of a rep or a group, such as `alice` or `cameras`. Cloning is cheap, and a name of usual length
/// stands in it, so that whoever compares it looks nowhere else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PresentityId(SmolStr);

impl PresentityId {
    /// Takes a name, folding ASCII capitals: phones do not agree on the case of their own user.
    pub fn new(name: &str) -> Self {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Self(name.to_ascii_lowercase().into())
        } else {
            Self(name.into())
        }
    }

    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// Sound with the derived traits: `SmolStr` compares and hashes as the `str` it holds.
impl Borrow<str> for PresentityId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for PresentityId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PresentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PresentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::PresentityId;

    #[test]
    fn case_does_not_tell_presentities_apart() {
        assert_eq!(PresentityId::new("Alice"), PresentityId::new("alice"));
        assert_eq!(PresentityId::new("ALICE").to_string(), "alice");
        assert_ne!(PresentityId::new("alice"), PresentityId::new("alicia"));
    }

    #[test]
    fn a_set_finds_it_by_its_text() {
        let set = HashSet::from([PresentityId::new("Cameras")]);
        assert!(set.contains("cameras"));
        assert!(!set.contains("Cameras"));
    }
}
