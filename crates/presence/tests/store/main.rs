//! The presentity store through its boundary: by example, against a naive reference, and under many threads.

mod desk;
mod model;
mod publish;
mod threads;
