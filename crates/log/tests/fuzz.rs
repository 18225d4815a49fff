//! The seeds of the fuzzers, each as it is and changed in many ways.
//!
//! `ENGINE_FUZZ_ROUNDS=1000000 cargo test --release -p engine-log --test fuzz` is the long run without a fuzzer;
//! `fuzz/` says how to run one.

#![allow(clippy::unwrap_used)] // everything here is a test

#[path = "../../../fuzz/src/import.rs"]
#[allow(unreachable_pub)]
mod import;
mod kit;

use std::path::{Path, PathBuf};

use engine_log::fuzzing;
use kit::{Random, how_many};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target)
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder(target)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<_> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(!seeds.is_empty(), "there are no seeds for `{target}`");
    seeds
}

/// Changes bytes as a fuzzer does: flips, numbers at the limits, pieces moved, repeated or left out.
fn change(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let place =
        |bytes: &[u8], random: &mut Random| usize::try_from(random.below(bytes.len() as u64 + 1)).unwrap();
    for _ in 0..=random.below(4) {
        let (at, other) = (place(&bytes, random), place(&bytes, random));
        let (from, to) = (at.min(other), at.max(other).min(at.min(other) + 64));
        match random.below(6) {
            0 => drop(bytes.drain(from..to)),
            1 => {
                let piece = bytes[from..to].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            2 => {
                let limits = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 32, u64::MAX];
                let number = limits[usize::try_from(random.below(10)).unwrap()].to_le_bytes();
                let size = [1, 2, 4, 8][usize::try_from(random.below(4)).unwrap()];
                let end = (at + size).min(bytes.len());
                bytes[at..end].copy_from_slice(&number[..end - at]);
            }
            3 => bytes.truncate(at),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}

fn run(target: &str, decode: impl Fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        decode(seed);
    }
    let mut random = Random::seeded(how_many("ENGINE_LOG_SEED", 1));
    for round in 0..how_many("ENGINE_FUZZ_ROUNDS", 3_000) {
        let seed = &seeds[usize::try_from(round).unwrap() % seeds.len()];
        decode(&change(seed, &mut random));
    }
}

#[test]
fn whatever_a_frame_holds_it_is_decoded_or_refused() {
    run("frame", fuzzing::frame);
}

#[test]
fn whatever_a_segment_holds_it_is_recovered_or_refused() {
    run("segment", fuzzing::segment);
}

#[test]
fn whatever_an_index_holds_it_answers_or_is_refused() {
    run("index", fuzzing::index);
}

#[test]
fn whatever_a_merged_index_holds_it_answers_or_is_refused() {
    run("merged", fuzzing::merged);
}

#[test]
fn whatever_a_line_of_an_import_holds_it_is_parsed_or_refused() {
    run("import", import::import);
}

/// `ENGINE_FUZZ_SEEDS=write` writes those that follow from the format, beside those that were found.
#[test]
fn the_seeds_are_those_of_the_format() {
    for chained in [false, true] {
        for (target, bytes) in fuzzing::seeds(chained) {
            let file = folder(target).join(if chained { "chained" } else { "plain" });
            if std::env::var("ENGINE_FUZZ_SEEDS").is_ok_and(|what| what == "write") {
                std::fs::create_dir_all(folder(target)).unwrap();
                std::fs::write(&file, &bytes).unwrap();
            }
            assert!(std::fs::read(&file).unwrap() == bytes, "{}: the format has changed", file.display());
        }
    }
}
