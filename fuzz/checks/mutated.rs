//! The engine of the tests: the seeds as they are, then inputs made from them by the same few changes in the same order each time.
//! It looks for no coverage; that is libFuzzer's part.

use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// An input may grow, and not without end.
const LONGEST: usize = 8 * 1024;

pub(super) fn feed(target: &str, rounds: usize, check: fn(&[u8])) {
    let seeds = seeds(target);
    for seed in &seeds {
        shown(seed, check);
    }
    let mut chance = StdRng::seed_from_u64(0x5eed);
    for _ in 0..rounds {
        shown(&made(&mut chance, &seeds), check);
    }
}

/// A target without a line in `fuzz/Cargo.toml` or without seeds would be checked less than it says.
pub(super) fn assert_complete(targets: &[&str]) {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("fuzz/Cargo.toml");
    for target in targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        assert!(root().join(format!("fuzz_targets/{target}.rs")).is_file(), "{target}");
        assert!(seeds(target).len() >= 12, "{target} has few seeds");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), targets.len());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("seeds").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a seed").path()).collect();
    // In the same order on every machine.
    files.sort();
    files.iter().map(|file| fs::read(file).expect("a seed")).collect()
}

/// A check that fails says for which input.
fn shown(input: &[u8], check: fn(&[u8])) {
    struct Said<'a>(&'a [u8]);
    impl Drop for Said<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the input was: b\"{}\"", self.0.escape_ascii());
            }
        }
    }
    let _said = Said(input);
    check(input);
}

fn made(chance: &mut StdRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut input = seeds[chance.random_range(0..seeds.len())].clone();
    for _ in 0..chance.random_range(1..=4) {
        let at = chance.random_range(0..=input.len());
        let end = (at + chance.random_range(0..=16)).min(input.len());
        match chance.random_range(0..6) {
            // A piece of another seed in the place of a piece of this one: that is how the words of a format travel.
            0 | 1 => {
                let other = &seeds[chance.random_range(0..seeds.len())];
                let from = chance.random_range(0..=other.len());
                let to = (from + chance.random_range(0..=24)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
            2 => drop(input.drain(at..end)),
            3 => input.insert(at, chance.random()),
            4 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << chance.random_range(0..8);
                }
            }
            _ => {
                let again = input[at..end].to_vec();
                input.splice(at..at, again);
            }
        }
    }
    input.truncate(LONGEST);
    input
}
