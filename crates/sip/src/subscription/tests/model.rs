//! The notifier against a naive model: whatever phones ask in whatever order, both hold the same subscriptions.

use std::collections::BTreeMap;

use proptest::prelude::{Strategy, any, prop, prop_oneof};

use super::script::{OK, Phone, Script, answered};
use crate::status::StatusCode;
use crate::subscription::{Config, Content, Outcome};

/// Operations of one run, and runs; together as many as a test may take some seconds for.
const OPERATIONS: usize = 200;
const RUNS: u32 = 256;

const PHONES: usize = 4;

#[derive(Debug, Clone)]
enum Operation {
    /// Outside a dialog, for so many seconds; 0 is a fetch.
    Subscribe {
        phone: usize,
        expires: u32,
    },
    /// In the phone's newest dialog; `step` is how far CSeq rises, 0 or less being out of order.
    Again {
        phone: usize,
        expires: u32,
        step: i8,
    },
    /// In a dialog that never was.
    Astray {
        phone: usize,
    },
    Change,
    /// The watcher of some subscription answers its NOTIFY, if one is under way.
    Answer {
        pick: usize,
        outcome: Answered,
    },
    Wait {
        seconds: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Answered {
    Well,
    Gone,
    Never,
}

fn operation() -> impl Strategy<Value = Operation> {
    let expires = prop_oneof![1 => 0u32..1, 3 => 1u32..100];
    let phone = 0..PHONES;
    let outcome = prop::sample::select(&[
        Answered::Well,
        Answered::Well,
        Answered::Gone,
        Answered::Never,
    ]);
    prop_oneof![
        (phone.clone(), expires.clone())
            .prop_map(|(phone, expires)| Operation::Subscribe { phone, expires }),
        (phone.clone(), expires, -1i8..3).prop_map(|(phone, expires, step)| Operation::Again {
            phone,
            expires,
            step
        }),
        phone.prop_map(|phone| Operation::Astray { phone }),
        any::<bool>().prop_map(|_| Operation::Change),
        (any::<usize>(), outcome).prop_map(|(pick, outcome)| Operation::Answer { pick, outcome }),
        (0u64..40).prop_map(|seconds| Operation::Wait { seconds }),
    ]
}

/// What the RFC says of one subscription: its last CSeq, its end, and whether a NOTIFY is under way.
#[derive(Debug)]
struct Modelled {
    cseq: u32,
    ends_at: u64,
    under_way: bool,
    /// The last NOTIFY is due as soon as none is under way.
    ending: bool,
}

#[derive(Default)]
struct Model {
    /// By the number of the SUBSCRIBE that began it.
    held: BTreeMap<u64, Modelled>,
    newest_by_phone: [Option<u64>; PHONES],
    now: u64,
}

impl Model {
    fn status(&mut self, number: u64, operation: &Operation) -> Option<u16> {
        match operation {
            Operation::Subscribe { phone, expires } => {
                if *expires > 0 {
                    let modelled = Modelled {
                        cseq: 1,
                        ends_at: self.now + u64::from(*expires),
                        under_way: true,
                        ending: false,
                    };
                    self.held.insert(number, modelled);
                }
                self.newest_by_phone[*phone] = Some(number);
                Some(200)
            }
            Operation::Again {
                phone,
                expires,
                step,
            } => {
                let newest = self.newest_by_phone[*phone]?;
                let Some(held) = self.held.get_mut(&newest).filter(|held| !held.ending) else {
                    return Some(481);
                };
                if *step <= 0 {
                    return Some(500);
                }
                held.cseq = held.cseq.saturating_add_signed(i32::from(*step));
                held.ends_at = self.now + u64::from(*expires);
                held.ending = *expires == 0;
                let over = held.ending && !held.under_way;
                held.under_way = true;
                if over {
                    self.held.remove(&newest);
                }
                Some(200)
            }
            Operation::Astray { .. } => Some(481),
            Operation::Change | Operation::Answer { .. } | Operation::Wait { .. } => None,
        }
    }

    /// A change or an owed state may have gone out: that the model takes over.
    fn notified(&mut self, script: &mut Script) {
        for number in script.newly_notified() {
            if let Some(held) = self.held.get_mut(&number) {
                held.under_way = true;
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        let now = self.now;
        self.held.retain(|_, held| {
            held.ending |= held.ends_at <= now;
            !held.ending || held.under_way
        });
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(RUNS))]

    #[test]
    fn what_is_held_is_what_the_rfc_says(operations in prop::collection::vec(operation(), 1..OPERATIONS)) {
        let mut script = Script::new(Config::default());
        let mut model = Model::default();
        let mut number = 0;
        for operation in &operations {
            let phone = |phone: usize, number: u64, expires: u32| {
                let mut subscribing = Phone::new(["ann", "bob", "cat", "dan"][phone])
                    .with("Expires: 600", &format!("Expires: {expires}"));
                subscribing.call_id = format!("call-{number}");
                subscribing
            };
            let expected = match operation {
                Operation::Subscribe { phone: who, expires } => {
                    number += 1;
                    script.subscribe(&phone(*who, number, *expires));
                    model.status(number, operation)
                }
                Operation::Again { phone: who, expires, step } => {
                    let Some(newest) = model.newest_by_phone[*who] else { continue };
                    let last = model.held.get(&newest).map_or(1, |held| held.cseq);
                    let mut again = phone(*who, newest, *expires).again(&format!("ours-{newest}"));
                    again.cseq = last.saturating_add_signed(i32::from(*step)).max(1);
                    if *step < 0 && last == 1 { continue }
                    number += 1;
                    script.subscribe(&again);
                    model.status(number, operation)
                }
                Operation::Astray { phone: who } => {
                    number += 1;
                    script.subscribe(&phone(*who, number, 60).again("never-given"));
                    model.status(number, operation)
                }
                Operation::Change => { script.change("alice"); None }
                Operation::Wait { seconds } => {
                    for _ in 0..*seconds {
                        script.wait(1);
                        model.pass(1);
                        model.notified(&mut script);
                    }
                    None
                }
                Operation::Answer { pick, outcome } => {
                    let waiting: Vec<u64> = model.held.iter().filter(|(_, held)| held.under_way).map(|(number, _)| *number).collect();
                    if waiting.is_empty() { continue }
                    let number = waiting[pick % waiting.len()];
                    let index = script.index_of(&format!("call-{number}"));
                    script.outcome(index, match outcome {
                        Answered::Well => OK,
                        Answered::Gone => answered(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
                        Answered::Never => Outcome::TimedOut,
                    });
                    let held = model.held.get_mut(&number).unwrap();
                    held.under_way = false;
                    if held.ending || !matches!(outcome, Answered::Well) {
                        model.held.remove(&number);
                    }
                    None
                }
            };
            model.notified(&mut script);
            if let Some(status) = expected {
                proptest::prop_assert_eq!(script.responses.last().unwrap().status().code(), status, "{:?}", operation);
            }
            let mut held: Vec<u64> = script.held();
            held.sort_unstable();
            let modelled: Vec<u64> = model.held.keys().copied().collect();
            proptest::prop_assert_eq!(held, modelled, "{:?}\n{}", operation, script.log());
        }
        proptest::prop_assert!(script.contents.iter().all(|content| matches!(content, Content::Full | Content::Changes)));
    }
}
