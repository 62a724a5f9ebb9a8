//! Dialog information (RFC 4235): what a phone or a PBX says about calls, which makes the state of a line.
//! Must not know whether it was published or notified.

use std::collections::BTreeMap;

use crate::{
    document::Document,
    document_error::{DocumentError, LONGEST_DOCUMENT},
    xml::{Element, XmlEvent, XmlReader, decoded, quote},
};

const DIALOG_INFO: &str = "urn:ietf:params:xml:ns:dialog-info";
const EXPECTED: &str = "<dialog-info> of urn:ietf:params:xml:ns:dialog-info";

/// More calls than anybody has at once; further ones are left out.
const MOST_DIALOGS: usize = 32;
/// Longest id of a dialog, in bytes.
const LONGEST_ID: usize = 256;

/// What a telephone line is doing, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// There is no call.
    Idle,
    /// Somebody calls and nobody has answered yet.
    Ringing,
    /// The person talks, or has dialled.
    Talking,
}

/// One document of RFC 4235 §4.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogInfo {
    /// Counts the documents of one subscription.
    pub version: u32,
    /// Whether the document tells of all calls or of those that changed.
    pub extent: Extent,
    /// Whose calls they are, as written.
    pub entity: Box<str>,
    /// Each call by its id, in the order of the document.
    pub dialogs: Vec<(Box<str>, Line)>,
}

/// How much a document tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything: what is not in it is over.
    Full,
    /// What has changed since the document before.
    Partial,
}

impl DialogInfo {
    /// Reads a document.
    pub fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        if bytes.len() > LONGEST_DOCUMENT {
            return Err(DocumentError::TooLarge { size: bytes.len() });
        }
        let refused = |error| DocumentError::of_xml(error, EXPECTED);
        let text = decoded(bytes).map_err(refused)?;
        let mut reader = XmlReader::new(&text).map_err(refused)?;
        let mut reading: Option<Self> = None;
        let mut call: Option<Call> = None;
        let mut depth = 0_usize;
        let mut words: Option<String> = None;
        loop {
            match reader.next().map_err(refused)? {
                XmlEvent::Open(element) => {
                    depth += 1;
                    let ours = element.namespace() == DIALOG_INFO;
                    match (depth, element.name(), &mut call) {
                        (1, "dialog-info", _) if ours => reading = Some(root(&element, &reader)?),
                        (1, ..) => return Err(DocumentError::other_root(&element, EXPECTED)),
                        (2, "dialog", _) if ours => call = Some(Call::of(&element)),
                        (3, "state", Some(_)) if ours => words = Some(String::new()),
                        _ => {}
                    }
                }
                XmlEvent::Text(piece) => {
                    if let (3, Some(words)) = (depth, &mut words) {
                        words.push_str(&piece);
                    }
                }
                XmlEvent::Close => {
                    match (depth, &mut call) {
                        (3, Some(call)) => {
                            if let Some(state) = words.take() {
                                call.line = Some(call.line_in(state.trim(), &reader)?);
                            }
                        }
                        (2, _) => {
                            if let (Some(info), Some(call)) = (&mut reading, call.take())
                                && info.dialogs.len() < MOST_DIALOGS
                                && let Some(line) = call.line
                            {
                                info.dialogs.push((call.id, line));
                            }
                        }
                        _ => {}
                    }
                    depth -= 1;
                }
                XmlEvent::End => {
                    return reading.ok_or_else(|| DocumentError::OtherDocument {
                        found: "it has no XML element".to_owned(),
                        expected: EXPECTED,
                    });
                }
            }
        }
    }

    /// What the line does: the most that any of its calls does.
    pub fn line(&self) -> Line {
        let most = self.dialogs.iter().map(|(_, line)| *line).max();
        most.unwrap_or(Line::Idle)
    }
}

impl Document {
    /// Reads dialog information as a publication about its presentity: RFC 3903 with `Event: dialog`, as Kamailio's
    /// `pua_dialoginfo` sends it.
    pub fn read_dialog_info(bytes: &[u8]) -> Result<Self, DocumentError> {
        Ok(Self::from(&DialogInfo::read(bytes)?))
    }
}

impl From<&DialogInfo> for Document {
    fn from(info: &DialogInfo) -> Self {
        Self::from(info.line())
    }
}

impl From<Line> for Document {
    fn from(line: Line) -> Self {
        Self {
            line: Some(line),
            ..Self::default()
        }
    }
}

/// The calls of one line, kept up to date by the documents of one subscription (RFC 4235 §4.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dialogs {
    version: Option<u32>,
    line_by_id: BTreeMap<Box<str>, Line>,
}

/// A document was missed: only a full one, which a refresh of the subscription brings, mends that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a document about calls was missed")]
pub struct MissedDialogInfo;

impl Dialogs {
    /// Takes in a document; an old one is passed over.
    ///
    /// # Errors
    /// When one before it is missing. The calls stay as they were.
    pub fn apply(&mut self, info: &DialogInfo) -> Result<(), MissedDialogInfo> {
        match (info.extent, self.version) {
            (_, Some(version)) if info.version <= version && info.extent == Extent::Partial => {
                return Ok(());
            }
            // RFC 4235 §4.3: a full document stands for itself, also when the notifier counts anew.
            (Extent::Full, _) => self.line_by_id.clear(),
            (Extent::Partial, Some(version)) if version.checked_add(1) == Some(info.version) => {}
            (Extent::Partial, _) => return Err(MissedDialogInfo),
        }
        self.version = Some(info.version);
        for (id, line) in &info.dialogs {
            if *line == Line::Idle {
                self.line_by_id.remove(id);
            } else if self.line_by_id.len() < MOST_DIALOGS || self.line_by_id.contains_key(id) {
                self.line_by_id.insert(id.clone(), *line);
            }
        }
        Ok(())
    }

    /// What the line does: the most that any of its calls does.
    pub fn line(&self) -> Line {
        self.line_by_id
            .values()
            .copied()
            .max()
            .unwrap_or(Line::Idle)
    }
}

/// A `<dialog>` as far as it is read.
struct Call {
    id: Box<str>,
    direction: Direction,
    line: Option<Line>,
}

#[derive(Clone, Copy)]
enum Direction {
    Outgoing,
    Incoming,
}

impl Call {
    fn of(element: &Element<'_>) -> Self {
        let id = element.attribute("id").unwrap_or_default();
        Self {
            id: quote_id(&id),
            direction: match element.attribute("direction").as_deref() {
                Some("initiator") => Direction::Outgoing,
                _ => Direction::Incoming,
            },
            line: None,
        }
    }

    // RFC 4235 §4.1.2, figure 3: the states of a dialog.
    fn line_in(&self, state: &str, reader: &XmlReader<'_>) -> Result<Line, DocumentError> {
        match (state, self.direction) {
            ("confirmed", _) => Ok(Line::Talking),
            ("trying" | "proceeding" | "early", Direction::Outgoing) => Ok(Line::Talking),
            ("trying" | "proceeding" | "early", Direction::Incoming) => Ok(Line::Ringing),
            ("terminated", _) => Ok(Line::Idle),
            _ => Err(DocumentError::Malformed {
                what: quote(&format!(
                    "<state> is {state:?}, which RFC 4235 does not know"
                )),
                at: reader.position(),
            }),
        }
    }
}

fn quote_id(id: &str) -> Box<str> {
    let mut end = id.len().min(LONGEST_ID);
    while !id.is_char_boundary(end) {
        end -= 1;
    }
    id.get(..end).unwrap_or_default().into()
}

fn root(element: &Element<'_>, reader: &XmlReader<'_>) -> Result<DialogInfo, DocumentError> {
    let malformed = |what: String| DocumentError::Malformed {
        what: quote(&what),
        at: reader.position(),
    };
    let version = element.attribute("version").unwrap_or_default();
    let version = version
        .trim()
        .parse()
        .map_err(|_| malformed(format!("the version is {version:?}, not a number")))?;
    let extent = match element.attribute("state").as_deref().map(str::trim) {
        Some("full") => Extent::Full,
        Some("partial") => Extent::Partial,
        other => {
            let other = other.unwrap_or_default();
            return Err(malformed(format!(
                "the document's state is {other:?}, neither full nor partial"
            )));
        }
    };
    Ok(DialogInfo {
        version,
        extent,
        entity: element
            .attribute("entity")
            .unwrap_or_default()
            .as_ref()
            .into(),
        dialogs: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::any;

    use super::{DialogInfo, Dialogs, Extent, Line, MissedDialogInfo};

    fn document(attributes: &str, inside: &str) -> String {
        format!(
            r#"<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" {attributes} entity="sip:alice@shop.example">{inside}</dialog-info>"#
        )
    }

    fn full(inside: &str) -> String {
        document(r#"version="0" state="full""#, inside)
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match DialogInfo::read(text.as_bytes()) {
            Ok(info) => format!("{:?}: {:?} {:?}", info.line(), info.extent, info.dialogs),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn a_line_is_as_busy_as_its_busiest_call() {
        check(&full(""), expect![[r#"Idle: Full []"#]]);
        check(
            &full("<dialog id='a' direction='recipient'><state>early</state></dialog>"),
            expect![[r#"Ringing: Full [("a", Ringing)]"#]],
        );
        check(
            &full("<dialog id='a'><state>trying</state></dialog>"),
            expect![[r#"Ringing: Full [("a", Ringing)]"#]],
        );
        check(
            &full("<dialog id='a' direction='initiator'><state>trying</state></dialog>"),
            expect![[r#"Talking: Full [("a", Talking)]"#]],
        );
        check(
            &full(
                "<dialog id='a'><state event='local-bye'>terminated</state></dialog><dialog id='b'><state> confirmed </state></dialog>",
            ),
            expect![[r#"Talking: Full [("a", Idle), ("b", Talking)]"#]],
        );
        check(&full("<dialog id='a'/>"), expect![[r#"Idle: Full []"#]]);
    }

    /// Kamailio's `pua_dialoginfo` fills in call-id, tags, and both parties.
    #[test]
    fn what_else_is_said_of_a_call_does_not_matter() {
        check(
            &full(
                r#"<dialog id="3" call-id="c@h" local-tag="l" remote-tag="r" direction="recipient">
                    <state>confirmed</state>
                    <duration>274</duration>
                    <remote><identity display="Sam">sip:sam@elsewhere.example</identity><target uri="sip:sam@192.0.2.1"><param pname="+sip.rendering" pvalue="no"/></target><state>early</state></remote>
                    <local><identity>sip:alice@shop.example</identity></local>
                    <x:state xmlns:x="urn:x">early</x:state>
                </dialog>"#,
            ),
            expect![[r#"Talking: Full [("3", Talking)]"#]],
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        check(
            "<dialog-info/>",
            expect![[
                r#"the root element is <dialog-info> of no namespace, not <dialog-info> of urn:ietf:params:xml:ns:dialog-info"#
            ]],
        );
        check(
            "",
            expect![[
                r#"it has no XML element, not <dialog-info> of urn:ietf:params:xml:ns:dialog-info"#
            ]],
        );
        check(
            &full("<dialog id='a'>\n<state>humming</state></dialog>"),
            expect![[r#"line 2, column 23: <state> is "humming", which RFC 4235 does not know"#]],
        );
        check(
            &document("version='one' state='full'", ""),
            expect![[r#"line 1, column 137: the version is "one", not a number"#]],
        );
        check(
            &document("version='1'", ""),
            expect![[
                r#"line 1, column 122: the document's state is "", neither full nor partial"#
            ]],
        );
        check(
            &" ".repeat(16 * 1024 + 1),
            expect!["it has 16385 bytes, and 16384 are the limit"],
        );
    }

    fn info(version: u32, extent: Extent, dialogs: &[(&str, Line)]) -> DialogInfo {
        DialogInfo {
            version,
            extent,
            entity: "sip:alice@shop.example".into(),
            dialogs: dialogs
                .iter()
                .map(|(id, line)| ((*id).into(), *line))
                .collect(),
        }
    }

    #[test]
    fn partial_documents_build_on_the_full_one() {
        let mut dialogs = Dialogs::default();
        let partial = |version, calls| info(version, Extent::Partial, calls);
        assert_eq!(
            dialogs.apply(&partial(0, &[("a", Line::Talking)])),
            Err(MissedDialogInfo)
        );
        dialogs
            .apply(&info(7, Extent::Full, &[("a", Line::Ringing)]))
            .unwrap();
        assert_eq!(dialogs.line(), Line::Ringing);
        dialogs.apply(&partial(8, &[("b", Line::Talking)])).unwrap();
        assert_eq!(dialogs.line(), Line::Talking);
        // A copy of what was read before changes nothing.
        dialogs.apply(&partial(8, &[("b", Line::Ringing)])).unwrap();
        assert_eq!(dialogs.line(), Line::Talking);
        dialogs.apply(&partial(9, &[("b", Line::Idle)])).unwrap();
        assert_eq!(dialogs.line(), Line::Ringing);
        assert_eq!(
            dialogs.apply(&partial(11, &[("a", Line::Idle)])),
            Err(MissedDialogInfo)
        );
        assert_eq!(dialogs.line(), Line::Ringing);
        // The PBX has restarted and counts anew.
        dialogs.apply(&info(0, Extent::Full, &[])).unwrap();
        assert_eq!(dialogs.line(), Line::Idle);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>()) {
            let _ = DialogInfo::read(&bytes);
        }

        #[test]
        fn no_markup_makes_it_panic(inside in r#"(<dialog id='a'>|<dialog/>|</dialog>|<state>|</state>|early|confirmed|<remote>|</remote>|\PC){0,20}"#) {
            let _ = DialogInfo::read(full(&inside).as_bytes());
        }
    }
}
