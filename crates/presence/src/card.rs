//! Contact information of a presentity (CIPID, RFC 4482): its name and addresses of things about it, as its phone wrote
//! them. Nobody has checked them. Must not know XML.

/// Longest value that is kept, in bytes; a longer one is left out.
const LONGEST_VALUE: usize = 256;

/// What a document says of its presentity besides the state. Whoever shows it shows a stranger's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Card {
    /// The name to show.
    pub display_name: Option<Box<str>>,
    /// The address of a business card.
    pub card: Option<Box<str>>,
    /// The address of a web page.
    pub homepage: Option<Box<str>>,
    /// The address of a picture.
    pub icon: Option<Box<str>>,
    /// The address of a map.
    pub map: Option<Box<str>>,
    /// The address of a sound.
    pub sound: Option<Box<str>>,
}

/// An element of RFC 4482 §4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    DisplayName,
    Card,
    Homepage,
    Icon,
    Map,
    Sound,
}

impl Field {
    pub(crate) fn of(element: &str) -> Option<Self> {
        match element {
            "display-name" => Some(Self::DisplayName),
            "card" => Some(Self::Card),
            "homepage" => Some(Self::Homepage),
            "icon" => Some(Self::Icon),
            "map" => Some(Self::Map),
            "sound" => Some(Self::Sound),
            _ => None,
        }
    }
}

impl Card {
    /// Takes in a value, if it is the first and neither empty nor too long.
    pub(crate) fn set(&mut self, field: Field, value: &str) {
        if value.is_empty() || value.len() > LONGEST_VALUE {
            return;
        }
        let place = match field {
            Field::DisplayName => &mut self.display_name,
            Field::Card => &mut self.card,
            Field::Homepage => &mut self.homepage,
            Field::Icon => &mut self.icon,
            Field::Map => &mut self.map,
            Field::Sound => &mut self.sound,
        };
        place.get_or_insert_with(|| value.into());
    }
}
