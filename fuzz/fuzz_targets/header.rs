//! Every typed header under libFuzzer; what is run is in `fuzz/src`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| deskbell_fuzz::sip_targets::header(data));
