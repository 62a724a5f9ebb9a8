//! Reads presence documents (RFC 3863, RFC 4479, RFC 4480) as phones really write them: by namespace and local
//! name, in any order. Must not know how they are weighed.

use std::borrow::Cow;

use arrayvec::ArrayVec;
use memchr::memchr;
use smol_str::SmolStr;

use crate::{
    activity::Activity,
    card::Field,
    document::{Basic, Document, UserInput},
    document_error::{DocumentError, LONGEST_DOCUMENT},
    pidf::{CIPID, DATA_MODEL, PIDF, RPID},
    xml::{PlainEvent, PlainReader, Texts, XmlEvent, XmlReader, characters, decoded, quote},
};

/// What the root element has to be.
const EXPECTED: &str = "<presence> of urn:ietf:params:xml:ns:pidf";
/// More than anybody does at once; further ones are left out.
const MOST_ACTIVITIES: usize = 8;
/// As deep as anything means anything is five: an activity of a status.
const MOST_PLACES: usize = 5;
/// Longest timestamp kept, in bytes; RFC 3339 needs 35 at most.
const LONGEST_TIMESTAMP: usize = 40;

impl Document {
    /// Reads a PIDF document, with RPID in it or not.
    ///
    /// Order, unknown elements and missing parts do not matter: phones put notes after timestamps and
    /// timestamps into the wrong namespace. What is unknown is passed over with all that is in it.
    pub fn read_pidf(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > LONGEST_DOCUMENT {
            return Err(DocumentError::TooLarge { size: bytes.len() });
        }
        let refused = |error| DocumentError::of_xml(error, EXPECTED);
        let text = decoded(bytes).map_err(refused)?;
        let text = characters(&text).map_err(refused)?;
        match read_plain(text) {
            Some(document) => Ok(document),
            None => read_any(text),
        }
    }
}

/// Reads a document that is plain XML and says nothing that is refused; `None` for any other.
pub(crate) fn read_plain(text: &str) -> Option<Document> {
    let mut reader = PlainReader::new(text, Vocabulary::of);
    let mut reading = Reading::default();
    let has_returns = memchr(b'\r', text.as_bytes()).is_some();
    loop {
        let texts = match reading.gathers() {
            true => Texts::Told,
            false => Texts::PassedOver,
        };
        match reader.next(texts)? {
            PlainEvent::Open { namespace, name } => reading.open(namespace, name).ok()?,
            // XML 1.0 §2.11: its line ends are to be replaced.
            PlainEvent::Text(piece) if has_returns && piece.contains('\r') => return None,
            PlainEvent::Text(piece) => reading.text(Cow::Borrowed(piece)),
            PlainEvent::Close => reading.close().ok()?,
            PlainEvent::End => return Some(reading.document),
        }
    }
}

/// Reads a document, or says what is wrong with it.
pub(crate) fn read_any(text: &str) -> Result<Document, DocumentError> {
    let mut reader = XmlReader::of_characters(text);
    let mut reading = Reading::default();
    loop {
        let event = reader
            .next()
            .map_err(|error| DocumentError::of_xml(error, EXPECTED))?;
        match event {
            XmlEvent::Open(element) => {
                let namespace = Vocabulary::of(element.namespace());
                if reading.open(namespace, element.name()).is_err() {
                    return Err(DocumentError::other_root(&element, EXPECTED));
                }
            }
            XmlEvent::Text(piece) => reading.text(piece),
            XmlEvent::Close => {
                reading
                    .close()
                    .map_err(|NeitherOpenNorClosed(text)| DocumentError::Malformed {
                        what: quote(&format!("<basic> is {text:?}, neither open nor closed")),
                        at: reader.position(),
                    })?;
            }
            XmlEvent::End => return Ok(reading.document),
        }
    }
}

/// What a namespace is to a presence document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vocabulary {
    Pidf,
    DataModel,
    Rpid,
    Cipid,
    Unknown,
}

impl Vocabulary {
    fn of(namespace: &str) -> Self {
        match namespace {
            PIDF => Self::Pidf,
            DATA_MODEL => Self::DataModel,
            RPID => Self::Rpid,
            CIPID => Self::Cipid,
            _ => Self::Unknown,
        }
    }
}

/// Whose note it is, from the least to the most telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NoteOf {
    Document,
    Tuple,
    Person,
}

/// An open element, as far as it means anything where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Presence,
    Tuple,
    Status,
    /// A person or a device.
    Person,
    Activities,
    Activity,
    Basic,
    Note(NoteOf),
    Timestamp,
    UserInput,
    Card(Field),
    Unknown,
}

impl Place {
    fn child(self, namespace: Vocabulary, name: &str) -> Self {
        use Vocabulary::{Cipid, DataModel, Pidf, Rpid};
        match (self, namespace, name) {
            (Self::Presence, Pidf, "tuple") => Self::Tuple,
            (Self::Presence, DataModel, "person" | "device") => Self::Person,
            (Self::Presence, Pidf, "note") => Self::Note(NoteOf::Document),
            (Self::Tuple, Pidf, "status") => Self::Status,
            (Self::Tuple, Pidf, "note") => Self::Note(NoteOf::Tuple),
            (Self::Person, Pidf | DataModel, "note") => Self::Note(NoteOf::Person),
            (Self::Tuple | Self::Person, Pidf | DataModel, "timestamp") => Self::Timestamp,
            (Self::Status, Pidf, "basic") => Self::Basic,
            (Self::Tuple | Self::Status | Self::Person, Rpid, "activities") => Self::Activities,
            (Self::Tuple | Self::Status | Self::Person, Rpid, "user-input") => Self::UserInput,
            // RFC 4482 §4 puts them into a tuple or a person.
            (Self::Presence | Self::Tuple | Self::Person, Cipid, name) => {
                Field::of(name).map_or(Self::Unknown, Self::Card)
            }
            (Self::Activities, Rpid, "note") => Self::Note(NoteOf::Person),
            (Self::Activities, Rpid, _) => Self::Activity,
            _ => Self::Unknown,
        }
    }

    /// Invariant: what stands in such a place is [`Place::Unknown`], so that one text at a time is gathered.
    fn holds_text(self) -> bool {
        match self {
            Self::Activity
            | Self::Basic
            | Self::Note(_)
            | Self::Timestamp
            | Self::UserInput
            | Self::Card(_) => true,
            Self::Presence
            | Self::Tuple
            | Self::Status
            | Self::Person
            | Self::Activities
            | Self::Unknown => false,
        }
    }
}

/// The root element is not the one of a presence document.
struct OtherRoot;

/// What a `<basic>` says that says neither.
struct NeitherOpenNorClosed(String);

#[derive(Default)]
struct Reading<'x> {
    document: Document,
    note_of: Option<NoteOf>,
    /// The open elements that mean anything, each in the one before.
    places: ArrayVec<Place, MOST_PLACES>,
    /// How many elements are open inside of those, all unknown.
    unknown: usize,
    /// The name of the innermost activity.
    activity: SmolStr,
    /// The text of the innermost place that holds any.
    words: Cow<'x, str>,
}

impl<'x> Reading<'x> {
    #[inline]
    fn open(&mut self, namespace: Vocabulary, name: &str) -> Result<(), OtherRoot> {
        let place = match self.places.last() {
            Some(_) if self.unknown > 0 => Place::Unknown,
            Some(parent) => parent.child(namespace, name),
            None if (namespace, name) == (Vocabulary::Pidf, "presence") => Place::Presence,
            None => return Err(OtherRoot),
        };
        if place == Place::Unknown || self.places.try_push(place).is_err() {
            self.unknown += 1;
            return Ok(());
        }
        if place.holds_text() {
            self.words = Cow::default();
        }
        if place == Place::Activity {
            self.activity = name.into();
        }
        Ok(())
    }

    /// Whether the text that comes next is kept.
    fn gathers(&self) -> bool {
        self.unknown == 0 && self.places.last().is_some_and(|place| place.holds_text())
    }

    fn text(&mut self, piece: Cow<'x, str>) {
        if !self.gathers() {
            return;
        }
        if self.words.is_empty() {
            self.words = piece;
        } else {
            self.words.to_mut().push_str(&piece);
        }
    }

    #[inline]
    fn close(&mut self) -> Result<(), NeitherOpenNorClosed> {
        if let Some(outside) = self.unknown.checked_sub(1) {
            self.unknown = outside;
            return Ok(());
        }
        let Some(place) = self.places.pop() else {
            return Ok(());
        };
        let text = match place.holds_text() {
            true => trimmed(&self.words),
            false => "",
        };
        let document = &mut self.document;
        match place {
            Place::Basic if text.eq_ignore_ascii_case("open") => document.basic = Some(Basic::Open),
            Place::Basic if text.eq_ignore_ascii_case("closed") => {
                document.basic = document.basic.or(Some(Basic::Closed));
            }
            Place::Basic => return Err(NeitherOpenNorClosed(text.to_owned())),
            Place::Activity => {
                let activity = Activity::from_element(&self.activity, text);
                if document.activities.len() < MOST_ACTIVITIES
                    && !document.activities.contains(&activity)
                {
                    document.activities.push(activity);
                }
            }
            Place::Note(of) => {
                if !text.is_empty() && self.note_of.is_none_or(|before| before < of) {
                    document.note = Some(text.into());
                    self.note_of = Some(of);
                }
            }
            Place::Timestamp => {
                if !text.is_empty()
                    && text.len() <= LONGEST_TIMESTAMP
                    && document.timestamp.is_none()
                {
                    document.timestamp = Some(text.into());
                }
            }
            Place::Card(field) => document.card.get_or_insert_default().set(field, text),
            Place::UserInput if text.eq_ignore_ascii_case("active") => {
                document.user_input = Some(UserInput::Active);
            }
            Place::UserInput if text.eq_ignore_ascii_case("idle") => {
                document.user_input = document.user_input.or(Some(UserInput::Idle));
            }
            Place::UserInput
            | Place::Presence
            | Place::Tuple
            | Place::Status
            | Place::Person
            | Place::Activities
            | Place::Unknown => {}
        }
        Ok(())
    }
}

/// Most texts have nothing around them, which shows without a search for every kind of space.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::any;

    use crate::{document::Document, document_error::DocumentError};

    /// What stands between `<presence …>` and `</presence>`, read.
    fn presence(inside: &str) -> Result<Document, DocumentError> {
        let document = format!(
            r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
                xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@shop.example">{inside}</presence>"#
        );
        Document::read_pidf(document.as_bytes())
    }

    fn check(inside: &str, expected: Expect) {
        expected.assert_eq(&match presence(inside) {
            Ok(document) => format!(
                "{} by {:?}: {:?} {:?} {:?}",
                document.availability(),
                document.source(),
                document.activities,
                document.note,
                document.timestamp,
            ),
            Err(error) => error.to_string(),
        });
    }

    fn check_refused(document: &str, expected: Expect) {
        expected.assert_eq(&match Document::read_pidf(document.as_bytes()) {
            Ok(document) => format!("{document:?}"),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn any_open_tuple_makes_open() {
        check(
            "<tuple id='a'><status><basic>open</basic></status></tuple>",
            expect!["available by Hand: [] None None"],
        );
        check(
            "<tuple id='a'><status><basic>open</basic></status></tuple><tuple id='b'><status><basic>closed</basic></status></tuple>",
            expect!["available by Hand: [] None None"],
        );
        check(
            "<tuple id='a'><status><basic>closed</basic></status></tuple><tuple id='b'><status><basic> OPEN </basic></status></tuple>",
            expect!["available by Hand: [] None None"],
        );
        check(
            "<tuple id='a'><status><basic>closed</basic></status></tuple>",
            expect!["offline by Hand: [] None None"],
        );
        check("", expect!["offline by Nothing: [] None None"]);
    }

    #[test]
    fn activities_are_read_wherever_they_stand() {
        let open = "<tuple id='a'><status><basic>open</basic></status></tuple>";
        check(
            &format!("{open}<dm:person id='p'><r:activities><r:busy /></r:activities></dm:person>"),
            expect!["busy by Hand: [Busy] None None"],
        );
        check(
            &format!(
                "<dm:person id='p'><r:activities>text<r:meeting>Board</r:meeting></r:activities></dm:person>{open}"
            ),
            expect!["busy by Hand: [Meeting] None None"],
        );
        check(
            &format!(
                "{open}<dm:person id='p'><r:activities><r:other>Thinking</r:other><r:juggling/></r:activities></dm:person>"
            ),
            expect![[r#"available by Hand: [Other("Thinking"), Other("juggling")] None None"#]],
        );
        check(
            "<tuple id='a'><status><basic>open</basic><r:activities><r:meal/></r:activities></status></tuple>",
            expect!["away by Hand: [Meal] None None"],
        );
        check(
            &format!(
                "{open}<dm:device id='d'><r:user-input idle-threshold='600'>idle</r:user-input></dm:device>"
            ),
            expect!["away by Computer: [] None None"],
        );
        check(
            &format!(
                "{open}<dm:device id='d'><r:user-input>active</r:user-input></dm:device><dm:device id='e'><r:user-input>idle</r:user-input></dm:device>"
            ),
            expect!["available by Hand: [] None None"],
        );
    }

    #[test]
    fn names_of_other_namespaces_mean_nothing() {
        check(
            "<x:tuple xmlns:x='urn:x'><status><basic>open</basic></status></x:tuple>",
            expect!["offline by Nothing: [] None None"],
        );
        check(
            "<tuple id='a'><status><basic>open</basic></status></tuple><dm:person id='p'><activities><busy/></activities></dm:person>",
            expect!["available by Hand: [] None None"],
        );
    }

    #[test]
    fn notes_are_joined_and_the_persons_comes_first() {
        check(
            "<note>all</note><tuple id='a'><status><basic>open</basic></status><timestamp>2026-11-23T13:00:47Z</timestamp><note>A &amp; <![CDATA[<B>]]> &#x43;</note></tuple>",
            expect![[r#"available by Hand: [] Some("A & <B> C") Some("2026-11-23T13:00:47Z")"#]],
        );
        check(
            "<tuple id='a'><note>tuple</note><note>second</note></tuple><dm:person id='p'><dm:note>person</dm:note><timestamp>2026-11-23T12:56:34Z</timestamp></dm:person><note>all</note>",
            expect![[r#"offline by Nothing: [] Some("person") Some("2026-11-23T12:56:34Z")"#]],
        );
        check(
            "<tuple id='a'><note xml:lang='en'>first</note><note xml:lang='fr'>second</note></tuple>",
            expect![[r#"offline by Nothing: [] Some("first") None"#]],
        );
        check(
            "<note>before <b xmlns='urn:x'>inside</b> after</note>",
            expect![[r#"offline by Nothing: [] Some("before  after") None"#]],
        );
    }

    #[test]
    fn a_card_is_read_and_changes_no_state() {
        let document = presence(
            "<dm:person id='p' xmlns:c='urn:ietf:params:xml:ns:pidf:cipid'><c:display-name> Alice &amp; Co. </c:display-name>\
             <c:homepage>https://alice.example/</c:homepage><c:homepage>second</c:homepage><c:icon/><c:hat>red</c:hat></dm:person>",
        )
        .unwrap();
        let card = document.card.as_deref().unwrap();
        assert_eq!(card.display_name.as_deref(), Some("Alice & Co."));
        assert_eq!(card.homepage.as_deref(), Some("https://alice.example/"));
        assert_eq!((&card.icon, &card.card), (&None, &None));
        assert!(document.says_the_same_as(&Document::default()));
    }

    /// Sixteen-bit text comes from phones on Windows; the mark at its begin tells its order.
    #[test]
    fn a_document_may_be_utf_16_with_its_mark() {
        let text = "<?xml version='1.0' encoding='UTF-16'?><presence xmlns='urn:ietf:params:xml:ns:pidf'><note>\u{1F514} \u{e9}</note></presence>";
        let units = || std::iter::once(0xfeff).chain(text.encode_utf16());
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        for bytes in [&big, &little] {
            let document = Document::read_pidf(bytes).unwrap();
            assert_eq!(document.note.as_deref(), Some("\u{1F514} \u{e9}"));
        }
        let told = |bytes: &[u8]| Document::read_pidf(bytes).unwrap_err().to_string();
        expect!["line 1, column 1: the text is not UTF-16, as its mark says"]
            .assert_eq(&told(big.get(..big.len() - 1).unwrap()));
        expect!["line 1, column 1: the text is not UTF-16, as its mark says"]
            .assert_eq(&told(&[0xfe, 0xff, 0xd8, 0x00]));
        expect!["line 1, column 183: the text is not UTF-8"]
            .assert_eq(&told(big.get(2..).unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        check(
            "<tuple id='a'>\n<status><basic>perhaps</basic></status></tuple>",
            expect![[r#"line 3, column 31: <basic> is "perhaps", neither open nor closed"#]],
        );
        check_refused(
            "",
            expect!["it has no XML element, not <presence> of urn:ietf:params:xml:ns:pidf"],
        );
        check_refused(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n",
            expect!["it has no XML element, not <presence> of urn:ietf:params:xml:ns:pidf"],
        );
        check_refused(
            "<html><body/></html>",
            expect![
                "the root element is <html> of no namespace, not <presence> of urn:ietf:params:xml:ns:pidf"
            ],
        );
        check_refused(
            "<presence><tuple/></presence>",
            expect![
                "the root element is <presence> of no namespace, not <presence> of urn:ietf:params:xml:ns:pidf"
            ],
        );
        check_refused(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf'><tuple></presence>",
            expect![
                "line 1, column 54: ill-formed document: expected `</tuple>`, but `</presence>` was found"
            ],
        );
        check_refused(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf'><tuple/>",
            expect!["line 1, column 55: the document ends inside an element"],
        );
        check_refused(
            "<!DOCTYPE presence []>\n<presence xmlns='urn:ietf:params:xml:ns:pidf'/>",
            expect!["line 1, column 1: a document type is not allowed"],
        );
        check_refused(
            "<presence xmlns='urn:ietf:params:xml:ns:pidf'><note>&who;</note></presence>",
            expect!["line 1, column 53: the entity &who; is not allowed"],
        );
        check_refused(
            &" ".repeat(16 * 1024 + 1),
            expect!["it has 16385 bytes, and 16384 are the limit"],
        );
    }

    #[test]
    fn every_kind_of_error_is_told_apart() {
        let kind = |document: &str| Document::read_pidf(document.as_bytes()).unwrap_err();
        assert!(matches!(
            kind("<html/>"),
            DocumentError::OtherDocument { .. }
        ));
        assert!(matches!(kind("<html"), DocumentError::Malformed { .. }));
        assert!(matches!(
            kind("<!DOCTYPE html><html/>"),
            DocumentError::Forbidden { .. }
        ));
        assert!(matches!(
            kind(&" ".repeat(20_000)),
            DocumentError::TooLarge { size: 20_000 }
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = Document::read_pidf(&bytes);
        }
    }
}
