//! Segments of the log, as a crash leaves them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| engine_log::fuzzing::segment(bytes));
