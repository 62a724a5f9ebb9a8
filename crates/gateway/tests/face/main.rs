//! The HTTP face from outside: a bound server on the loopback, real connections, and a scripted double
//! at the other end of the desk. Must not know anything private to the gateway.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a broken expectation has to stop it"
)]

mod admin;
mod attacks;
mod client;
mod console_double;
mod consoles;
mod conversation;
mod desk_double;
mod events;
mod intruders;
mod limits;
mod matrix;
mod pages;
mod presence;
mod problems;
mod soap;
mod sockets;
mod softphones;
mod tickets;
mod visitors;
mod world;
