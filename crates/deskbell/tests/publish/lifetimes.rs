//! How long a publication lasts: as was asked for, within limits.

use crate::documents::open;
use crate::room::{Publish, Room};

#[test]
fn a_lifetime_is_lengthened_shortened_and_told() {
    let room = Room::open();
    let granted = |expires: &str| {
        let publish = Publish::initial(&open());
        let answer = match expires {
            "" => room.send(&publish),
            expires => room.send(&publish.expires(expires)),
        };
        room.send(&Publish::presence().tag(&answer.tag()).expires("0"));
        answer.seconds()
    };
    assert_eq!(granted(""), Some(600));
    assert_eq!(granted("1"), Some(5));
    assert_eq!(granted("60"), Some(60));
    assert_eq!(granted("7200"), Some(3600));
    assert_eq!(granted("4294967295"), Some(3600));
    // What lapses at once was never seen.
    assert_eq!(granted_zero(&room), (Some(0), 412));
    for wrong in ["-1", "soon", "1.5", "60;x"] {
        assert_eq!(
            room.code(&Publish::initial(&open()).expires(wrong)),
            400,
            "{wrong}"
        );
    }
}

fn granted_zero(room: &Room) -> (Option<u32>, u16) {
    let answer = room.send(&Publish::initial(&open()).expires("0"));
    assert_eq!(room.told(), "closed");
    let refreshed = room.code(&Publish::presence().tag(&answer.tag()));
    (answer.seconds(), refreshed)
}

#[test]
fn a_lifetime_below_a_configured_floor_is_answered_423() {
    let room = Room::with("[presence]\nrefuse_below = \"1m\"\n");
    // RFC 3903 §6 step 5.
    let brief = room.send(&Publish::initial(&open()).expires("59"));
    assert_eq!(
        (brief.code(), brief.header("Min-Expires")),
        (423, Some("60"))
    );
    let tag = room.send(&Publish::initial(&open()).expires("60")).tag();
    assert_eq!(room.code(&Publish::presence().tag(&tag).expires("5")), 423);
    // The end is no lifetime.
    assert_eq!(room.code(&Publish::presence().tag(&tag).expires("0")), 200);
}
