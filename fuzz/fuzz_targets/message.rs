//! Whole messages, as a datagram brings them under libFuzzer; what is run is in `fuzz/src`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| deskbell_fuzz::sip_targets::message(data));
