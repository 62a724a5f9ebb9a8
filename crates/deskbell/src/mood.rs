//! What a phone of ours publishes, as presence documents (RFC 3863, RFC 4480). Must not know when it does.

/// How the rep at the phone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Free,
    OnThePhone,
    Away,
    Gone,
}

/// The presence document of a mood. `address` is the presentity's address of record.
pub(crate) fn pidf(address: &str, mood: Mood) -> String {
    let (basic, activity) = match mood {
        Mood::Free => ("open", ""),
        Mood::OnThePhone => ("open", "<rpid:on-the-phone/>"),
        Mood::Away => ("open", "<rpid:away/>"),
        Mood::Gone => ("closed", ""),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{}\">\
         <tuple id=\"phone\"><status><basic>{basic}</basic></status></tuple>\
         <dm:person id=\"person\"><rpid:activities>{activity}</rpid:activities></dm:person>\
         </presence>",
        escaped(address)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use presence::{Availability, Document};

    use super::*;

    #[test]
    fn each_mood_is_read_as_what_it_means() {
        let cases = [
            (Mood::Free, Availability::Available),
            (Mood::OnThePhone, Availability::Busy),
            (Mood::Away, Availability::Away),
            (Mood::Gone, Availability::Offline),
        ];
        for (mood, availability) in cases {
            let document = pidf("sip:o'brien&sons@shop.example", mood);
            let read = Document::read_pidf(document.as_bytes()).unwrap();
            assert_eq!(read.availability(), availability, "{mood:?}");
        }
    }
}
