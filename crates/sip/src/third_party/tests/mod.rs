//! What a call of two does, with legs that are only pretended.

mod chance;
mod changing;
mod ending;
mod offering;
mod reaching;
mod script;
