//! The deskbell program.
fn main() {}
