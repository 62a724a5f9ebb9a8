//! Wake-ups against a naive model. They are tested here because `expiry` is compiled a second time for loom.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::prelude::{Strategy, any, prop, prop_oneof};

use crate::{expiry::WakeUps, presentity_id::PresentityId};

#[derive(Debug, Clone)]
enum Operation {
    Arm(u8, u64),
    Disarm(u8, u64, bool),
    Take(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let (who, at) = (0..40u8, 0..100u64);
    prop_oneof![
        (who.clone(), at.clone()).prop_map(|(who, at)| Operation::Arm(who, at)),
        (who, at.clone(), any::<bool>())
            .prop_map(|(who, at, is_needed)| Operation::Disarm(who, at, is_needed)),
        at.prop_map(Operation::Take),
    ]
}

proptest::proptest! {
    #[test]
    fn wake_ups_come_out_when_they_are_due(operations in prop::collection::vec(operation(), 0..200)) {
        #[expect(clippy::disallowed_methods, reason = "only the distance from it counts")]
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let id = |who: u8| PresentityId::new(&who.to_string());
        let wake_ups = WakeUps::default();
        let mut model: BTreeSet<(u64, u8)> = BTreeSet::new();
        for operation in operations {
            match operation {
                Operation::Arm(who, seconds) => {
                    wake_ups.arm(&id(who), at(seconds));
                    model.insert((seconds, who));
                }
                Operation::Disarm(who, seconds, is_needed) => {
                    wake_ups.disarm(&id(who), at(seconds), || is_needed);
                    if !is_needed {
                        model.remove(&(seconds, who));
                    }
                }
                Operation::Take(seconds) => {
                    let mut due = wake_ups.take_due(at(seconds));
                    let mut expected: Vec<_> = model.iter().filter(|(at, _)| *at <= seconds).map(|(_, who)| id(*who)).collect();
                    due.sort();
                    expected.sort();
                    assert_eq!(due, expected);
                    model.retain(|(at, _)| *at > seconds);
                }
            }
            assert_eq!(wake_ups.next(), model.first().map(|(seconds, _)| at(*seconds)));
            assert_eq!(wake_ups.len(), model.len());
        }
    }
}
