//! What is published: the documents of each type, as short as they can be. Must not know SIP.

pub(crate) const PIDF: &str = "application/pidf+xml";
pub(crate) const PIDF_DIFF: &str = "application/pidf-diff+xml";
pub(crate) const DIALOG_INFO: &str = "application/dialog-info+xml";

pub(crate) fn pidf(inside: &str) -> String {
    format!(
        "<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"sip:alice@shop.example\">{inside}</presence>"
    )
}

pub(crate) fn open() -> String {
    pidf("<tuple id=\"t\"><status><basic>open</basic></status></tuple>")
}

pub(crate) fn closed() -> String {
    pidf("<tuple id=\"t\"><status><basic>closed</basic></status></tuple>")
}

pub(crate) fn pidf_full() -> String {
    "<p:pidf-full xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" version=\"1\">\
     <tuple id=\"t\"><status><basic>open</basic></status></tuple></p:pidf-full>"
        .to_owned()
}

pub(crate) fn pidf_diff(change: &str) -> String {
    format!(
        "<p:pidf-diff xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:p=\"urn:ietf:params:xml:ns:pidf-diff\" \
         version=\"2\">{change}</p:pidf-diff>"
    )
}

pub(crate) fn dialog_info(state: &str) -> String {
    format!(
        "<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"0\" state=\"full\" \
         entity=\"sip:alice@shop.example\"><dialog id=\"1\" direction=\"recipient\"><state>{state}</state></dialog></dialog-info>"
    )
}
