//! A shop with reps who are watched, and what its watchers are told. Must not know what is special about a watcher.

use std::time::Duration;

use examples::phone::TestPhone;
use examples::phone::watcher::{Notify, Watcher};
use examples::rsip::{Header, Response};
use examples::server::{Server, Setup};
use examples::wire::Protocol;

/// How soon a watcher must be told what is due, on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// Nothing more is to come in this time, which is longer than the server's interval.
const QUIET: Duration = Duration::from_millis(700);

pub(crate) fn serve(more: &str) -> Server {
    let tables = format!("[presence.watchers]\ninterval = \"200ms\"\n{more}");
    Server::serve(env!("CARGO_BIN_EXE_deskbell"), &Setup::tables(&tables)).unwrap()
}

pub(crate) fn aor(user: &str) -> String {
    format!("sip:{user}@shop.example")
}

pub(crate) fn code(response: &Response) -> u16 {
    response.status_code.code()
}

pub(crate) fn rep(server: &Server, user: &str) -> TestPhone {
    let mut phone = server.phone(Protocol::Udp, user).unwrap();
    assert_eq!(code(&phone.register(60).unwrap()), 200);
    phone
}

pub(crate) fn other(name: &str, value: &str) -> Header {
    Header::Other(name.to_owned(), value.to_owned())
}

pub(crate) fn told(watcher: &mut Watcher) -> Notify {
    watcher.next_notify(LIMIT).unwrap().unwrap()
}

#[track_caller]
pub(crate) fn quiet(watcher: &mut Watcher) {
    assert_eq!(watcher.next_notify(QUIET).unwrap(), None);
}
