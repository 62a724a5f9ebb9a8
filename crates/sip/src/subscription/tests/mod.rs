//! The notifier's behaviour: SUBSCRIBEs, changes and answers in, answers and NOTIFYs out, time moved by hand.

mod dialogs;
mod lifetimes;
mod limits;
mod notifying;
mod script;
mod watchers;
