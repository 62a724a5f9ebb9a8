//! Credentials and challenges of digest authentication under libFuzzer; what is run is in `fuzz/src`.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| deskbell_fuzz::sip_targets::digest(data));
