//! The notifier's behaviour: SUBSCRIBEs, changes and answers in, answers and NOTIFYs out, time moved by hand.

mod conditions;
mod dialogs;
mod endings;
mod lifetimes;
mod limits;
mod model;
mod notifying;
mod rates;
mod restarts;
mod script;
mod subscribing;
mod watchers;
