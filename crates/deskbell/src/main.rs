//! The deskbell program.
mod config;

fn main() {}
