//! The rules of the house that a machine can check: imports point down, SQL and the clock stay in their places, files have
//! a head and a size, templates hold no script and nothing raw.

use std::fs;
use std::path::{Path, PathBuf};

/// Layers from the bottom up; a module imports from its own height and below.
const LAYERS: &[(&str, u8)] = &[
    ("domain", 0),
    ("db", BESIDE),
    ("actions", 2),
    ("delivery", 3),
    ("web", 3),
    ("server", 4),
    ("cli", 5),
];

/// What else stands in `src` (settings, clock, errors, context, vault …) sits beside the layers, at the height of the database.
const BESIDE: u8 = 1;

/// They meet in the database and in the context's wake-up, never in the code.
const STRANGERS: (&str, &str) = ("delivery", "web");

const MOST_LINES: usize = 400;

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let Some((layer, height)) = layer_of(&file) else {
            continue;
        };
        for (number, line) in code_lines(&file) {
            for (other, other_height) in LAYERS {
                let reached = line.contains(&format!("crate::{other}::")) || line.contains(&format!("crate::{other};"));
                let strangers = (layer, *other) == STRANGERS || (*other, layer) == STRANGERS;
                if reached && (*other_height > height || strangers) {
                    wrong.push(format!("{}:{number}: `{layer}` imports from `{other}`", file.display()));
                }
            }
        }
    }

    assert_none(
        &wrong,
        "an import points up or sideways; the order is that of src/lib.rs",
    );
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let bare: Vec<String> = rust_files("src")
        .into_iter()
        .chain(rust_files("tests"))
        .chain(rust_files("benches"))
        .chain(rust_files("fuzz/checks"))
        .chain(rust_files("fuzz/fuzz_targets"))
        .filter(|file| !read(file).starts_with("//!"))
        .map(|file| file.display().to_string())
        .collect();

    assert_none(&bare, "files that do not open with `//!`");
}

/// Files of tests are lists of cases and may go on.
#[test]
fn no_file_is_long_enough_to_hide_a_second_subject() {
    let long: Vec<String> = rust_files("src")
        .into_iter()
        .chain(rust_files("tests/it/support"))
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, file)| format!("{} has {lines} lines", file.display()))
        .collect();

    assert_none(&long, "files above 400 lines");
}

/// The domain's ids and enums say how they are stored, the error says which of diesel's it came from, the store begins the
/// transactions; apart from that diesel stays in `db`, and nobody else speaks its query language.
#[test]
fn sql_lives_in_the_db_folder_alone() {
    let dsl = [
        "diesel::prelude",
        "diesel::insert_into",
        "diesel::update",
        "diesel::delete",
        "sql_query",
        "RunQueryDsl",
        "schema::",
    ];
    let mut wrong = Vec::new();
    for file in rust_files("src").into_iter().filter(|file| !file.starts_with("src/db")) {
        let may_name_it = ["src/domain", "src/error.rs", "src/store.rs"]
            .iter()
            .any(|place| file.starts_with(place));
        for (number, line) in code_lines(&file) {
            let speaks_sql = dsl.iter().any(|word| line.contains(word));
            let names_diesel = line.contains("diesel::") && !may_name_it;
            if speaks_sql || names_diesel {
                wrong.push(format!("{}:{number}: {line}", file.display()));
            }
        }
    }

    assert_none(&wrong, "diesel outside src/db");
}

#[test]
fn only_the_clock_reads_the_time() {
    let mut wrong = Vec::new();
    for file in rust_files("src").into_iter().filter(|file| !file.ends_with("clock.rs")) {
        for (number, line) in code_lines(&file) {
            if line.contains("SystemTime::now") || line.contains("Utc::now") || line.contains("Local::now") {
                wrong.push(format!("{}:{number}", file.display()));
            }
        }
    }

    assert_none(
        &wrong,
        "wall-clock reads outside src/clock.rs; take `now` as an argument",
    );
}

/// What is wiped from memory is a secret; a type that holds one writes its own `Debug`, or has none.
#[test]
fn no_derived_debug_prints_what_is_wiped() {
    let mut wrong = Vec::new();
    let mut wiped = 0;
    for file in rust_files("src") {
        let text = read(&file);
        let items = text.split("\n}\n").flat_map(|part| part.split(";\n\n"));
        for item in items.filter(|item| item.contains("Zeroizing<")) {
            let Some(at) = item.rfind("struct ").or_else(|| item.rfind("enum ")) else {
                continue;
            };
            wiped += 1;
            let attributes = item[..at].rsplit("\n\n").next().unwrap_or_default();
            let derives = attributes
                .lines()
                .filter(|line| line.trim_start().starts_with("#[derive("));
            if item[at..].contains("Zeroizing<") && derives.clone().any(|line| line.contains("Debug")) {
                let name = item[at..].lines().next().unwrap_or_default();
                wrong.push(format!("{}: {name}", file.display()));
            }
        }
    }

    assert!(wiped > 10, "only {wiped} types hold something that is wiped");
    assert_none(&wrong, "`Debug` would print a secret");
}

#[test]
fn templates_hold_no_script_no_style_and_nothing_raw() {
    let forbidden = [
        "|safe",
        "| safe",
        "style=",
        "<style",
        "javascript:",
        "http://",
        "https://",
    ];
    let mut wrong = Vec::new();
    for file in files("templates", "html") {
        for (number, line) in read(&file).lines().enumerate() {
            let inline_script = line.contains("<script") && !line.contains("src=");
            let handler = line
                .split_whitespace()
                .any(|word| word.starts_with("on") && word.contains("=\""));
            // An address may be shown as an example, never loaded.
            let raw = forbidden
                .iter()
                .any(|word| line.contains(word) && !(word.starts_with("http") && is_example(line, word)));
            if inline_script || handler || raw {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }

    assert_none(
        &wrong,
        "the content security policy forbids it, or it would let what came from outside through",
    );
}

#[test]
fn the_repository_names_no_machine() {
    // Written in two halves, or this file would name one itself.
    let places = [
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
        concat!("/tmp", "/w/"),
    ];
    let mut wrong = Vec::new();
    let folders = [
        "src",
        "tests",
        "templates",
        "static",
        "migrations",
        "scripts",
        "docs",
        ".ci",
        "benches",
        "fuzz/checks",
        "fuzz/fuzz_targets",
    ];
    let listed = folders.iter().flat_map(|folder| files(folder, ""));
    let top = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "Cargo.toml",
        "deny.toml",
    ]
    .map(PathBuf::from);
    for file in listed.chain(top.into_iter().filter(|file| file.exists())) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place)) {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }

    assert_none(&wrong, "paths of one machine");
}

/// A claim whose test has moved away is a claim without one.
#[test]
fn what_the_security_document_points_to_is_there() {
    let text = read(Path::new("SECURITY.md"));
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let places: Vec<&str> = quoted
        .chain(linked)
        .filter(|place| place.contains('/') && !place.starts_with('/') && !place.contains(' '))
        .collect();

    assert!(places.len() > 20, "{places:?}");
    let gone: Vec<String> = places
        .into_iter()
        .filter(|place| !Path::new(place).exists())
        .map(str::to_owned)
        .collect();
    assert_none(&gone, "files that SECURITY.md names and that do not exist");
}

#[test]
fn scripts_build_what_the_lock_file_says() {
    let mut loose = Vec::new();
    for file in files("scripts", "").into_iter().chain(files(".ci", "")) {
        for (number, line) in read(&file).lines().enumerate() {
            let line = line.trim_start();
            let builds = ["build", "test", "run", "bench", "check", "clippy", "install"]
                .iter()
                .any(|verb| line.contains(&format!("cargo {verb} ")));
            if builds && !line.starts_with('#') && !line.contains("--locked") {
                loose.push(format!("{}:{}: {line}", file.display(), number + 1));
            }
        }
    }

    assert_none(&loose, "cargo without --locked");
}

/// In a placeholder, a help text or a code sample; `src=`, `href=` and `action=` would make the browser ask another host.
fn is_example(line: &str, scheme: &str) -> bool {
    !["src=", "href=", "action=", "url("]
        .iter()
        .any(|load| line.contains(&format!("{load}\"{scheme}")))
}

/// `src/web/pages/tasks.rs` → `web`; the crate's two roots name every module and belong to none.
fn layer_of(file: &Path) -> Option<(&'static str, u8)> {
    let top = file.components().nth(1)?.as_os_str().to_str()?;
    let name = top.trim_end_matches(".rs");
    if matches!(name, "lib" | "main") {
        return None;
    }
    let layer = LAYERS.iter().copied().find(|(layer, _)| *layer == name);
    Some(layer.unwrap_or(("a module beside the layers", BESIDE)))
}

/// What stands before the file's own tests, without comments.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    read(file)
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.trim().to_owned()))
        .collect()
}

fn rust_files(folder: &str) -> Vec<PathBuf> {
    files(folder, "rs")
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a folder entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if extension.is_empty() || path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn assert_none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}
