//! Indexes of several segments of the log.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| engine_log::fuzzing::merged(bytes));
