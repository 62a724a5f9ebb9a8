//! Marks, each once until they are read. They are tested here because `marks` is compiled a second time for loom.

use crate::{marks::Marks, presentity_id::PresentityId};

#[test]
fn marks_coalesce_until_they_are_read() {
    let (marks, alice, bob) = (
        Marks::new(),
        PresentityId::new("alice"),
        PresentityId::new("bob"),
    );
    for presentity in [&alice, &bob, &alice, &alice] {
        marks.mark(presentity);
    }
    assert_eq!(marks.len(), 2);
    assert_eq!(marks.poll(), Some(alice.clone()));
    marks.mark(&alice);
    assert_eq!(marks.poll(), Some(bob));
    assert_eq!(marks.poll(), Some(alice));
    assert_eq!(marks.poll(), None);
}

#[test]
fn only_what_somebody_follows_is_marked() {
    let (marks, alice, bob) = (
        Marks::new(),
        PresentityId::new("alice"),
        PresentityId::new("bob"),
    );
    assert!(marks.mark(&alice));
    marks.let_be();
    assert!(!marks.mark(&bob));
    assert_eq!((marks.poll(), marks.poll()), (Some(alice), None));
    marks.follow();
    assert!(marks.mark(&bob));
    assert!(!marks.mark(&bob), "it is set already");
    assert_eq!((marks.poll(), marks.poll()), (Some(bob), None));
}
