//! The project recipes.
fn main() {}
