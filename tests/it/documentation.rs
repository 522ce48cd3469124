//! What the documents say can be done, can be done: links lead somewhere, commands and their options exist, settings are settings, and
//! the calls of the JSON API that are there to be copied work as they stand.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::app::App;
use crate::support::database::TestDatabase;
use crate::support::given;
use crate::support::process::{command, tell};

/// Every document, and what runs the program as one reads it there.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["docs", "docs/decisions", "deploy", "snippets", "."]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder of the repository"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.extension().is_some_and(|kind| kind == "md")
                || path.parent().is_some_and(|folder| folder.ends_with("deploy"))
        })
        .chain([PathBuf::from("./Dockerfile")])
        .collect();
    found.sort();
    assert!(found.len() > 20, "{found:?}");
    found
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a document")
}

/// The targets of `[…](…)`.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect()
}

/// As GitHub makes them.
fn anchors(text: &str) -> HashSet<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter_map(|c| match c {
                    ' ' => Some('-'),
                    c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                    _ => None,
                })
                .collect()
        })
        .collect()
}

#[test]
fn every_link_of_the_documents_leads_to_a_file_and_a_heading() {
    let mut checked = 0;
    for document in documents() {
        let own = text(&document);
        for link in links(&own).into_iter().filter(|link| !link.starts_with("http")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().expect("a folder");
            let target = if file.is_empty() {
                document.clone()
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{}: {link} leads nowhere", document.display());
            assert!(
                anchor.is_empty() || anchors(&text(&target)).contains(anchor),
                "{}: {link} names no heading",
                document.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

/// What follows the program's name wherever it is called, as words.
fn calls(text: &str) -> Vec<Vec<String>> {
    // The same in a document that wraps its lines, and in a shell that continues them.
    let text = text.replace("\\\n", " ");
    ["taskview-webhooks ", "cargo run --release -- "]
        .iter()
        .flat_map(|name| text.split(name).skip(1).map(str::to_owned).collect::<Vec<_>>())
        .map(|rest| {
            let end = rest
                .find(['`', '\n', '|', '"', '\'', ';', '#', '→', '(', '<', '>'])
                .unwrap_or(rest.len());
            rest[..end].split_whitespace().map(str::to_owned).collect()
        })
        .collect()
}

/// A command's own help, for each command that there is.
fn helps() -> BTreeMap<Vec<String>, String> {
    let database = TestDatabase::create();
    let mut helps = BTreeMap::new();
    let mut open = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let help = tell(command(&database).args(&path).arg("--help")).out;
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in commands.take_while(|line| !line.is_empty()) {
            let name = line
                .split_whitespace()
                .next()
                .filter(|_| line.starts_with("  ") && !line.starts_with("   "));
            if let Some(name) = name.filter(|name| *name != "help") {
                let mut below: Vec<String> = path.clone();
                below.push(name.to_owned());
                open.push(below);
            }
        }
        helps.insert(path, help);
    }
    helps
}

#[test]
fn every_command_of_the_documents_exists_with_its_options() {
    let helps = helps();
    let mut seen = BTreeSet::new();
    for document in documents() {
        for words in calls(&text(&document)) {
            let depth = (0..=words.len().min(2))
                .rev()
                .find(|depth| helps.contains_key(&words[..*depth]));
            let path = &words[..depth.unwrap_or(0)];
            // Prose goes on after the name; a call goes on with a command or an option.
            if path.is_empty() && words.first().is_none_or(|word| !word.starts_with("--")) {
                continue;
            }
            let help = &helps[path];
            for option in words.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
                let option = option.split('=').next().unwrap_or(option).trim_end_matches([',', '.']);
                assert!(
                    help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")),
                    "{}: {words:?} has no option {option}",
                    document.display()
                );
            }
            seen.insert(path.to_vec());
        }
    }
    for expected in ["user", "key", "verify", "completions"] {
        assert!(
            seen.iter()
                .any(|path| path.first().is_some_and(|name| name == expected)),
            "{seen:?}"
        );
    }
}

#[test]
fn every_setting_that_a_document_names_is_one() {
    let database = TestDatabase::create();
    let mut help = tell(command(&database).arg("--help")).out;
    // Compose chooses the port outside.
    help += "[env: TASKVIEW_PORT";
    for document in documents().iter().filter(|path| !path.ends_with("CHANGELOG.md")) {
        let own = text(document);
        for rest in own.split("TASKVIEW_").skip(1) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                .collect();
            // `TASKVIEW_MAX_…` stands for several, and so does the bare beginning.
            let several = rest[name.len()..].starts_with('…') || name.is_empty();
            assert!(
                several || help.contains(&format!("[env: TASKVIEW_{name}")),
                "{}: TASKVIEW_{name} is no setting",
                document.display()
            );
        }
    }
}

#[test]
fn every_path_of_the_repository_that_a_document_names_is_there() {
    let mut checked = 0;
    for document in documents().iter().filter(|path| !path.ends_with("CHANGELOG.md")) {
        let own = text(document);
        for folder in [
            "scripts/",
            "deploy/",
            "snippets/",
            "tests/",
            "benches/",
            "docs/",
            "fuzz/",
        ] {
            for (at, _) in own.match_indices(folder) {
                // Part of a longer path or of an address.
                if own[..at].ends_with(['/', '.', '-']) || own[..at].ends_with(|c: char| c.is_alphanumeric()) {
                    continue;
                }
                let path: String = own[at..]
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || "/._-".contains(*c))
                    .collect();
                let path = path.trim_end_matches(['.', '-']);
                // What somebody makes first, as the document says.
                if path == "deploy/.env" {
                    continue;
                }
                assert!(Path::new(path).exists(), "{}: {path} is not there", document.display());
                checked += 1;
            }
        }
    }
    assert!(checked > 40, "{checked}");
}

/// The blocks that call the API of a server on this machine, in order.
fn api_blocks(text: &str) -> Vec<String> {
    let blocks = text
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .filter(|block| block.contains("curl -s localhost:8080/module"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_calls_of_the_api_work_as_they_stand_in_the_documents() {
    let app = App::start().await;
    let lead = given::lead(&app).await;
    assert_eq!(given::project(&lead, "Website").await.path, "/projects/1");
    let host = app.base.trim_start_matches("http://").to_owned();
    let mut tried = 0;
    for document in ["docs/api.md", "docs/moving-from-taskview.md"] {
        for block in api_blocks(&text(Path::new(document))) {
            let token = given::api(&app, "lead").await.token().to_owned();
            let script = block
                .replace("localhost:8080", &host)
                .replace("\"password\":\"…\"", &format!("\"password\":\"{}\"", given::PASSWORD))
                .replace("TOKEN=…", &format!("TOKEN={token}"))
                .replace("…64 hexadecimal characters…", &"5a".repeat(32));
            let script = format!("set -e\nTOKEN=${{TOKEN:-{token}}}\n{script}");
            let calls = script.matches("curl ").count();
            let told = tokio::task::spawn_blocking(move || {
                let output = std::process::Command::new("bash")
                    .args(["-c", &script])
                    .stdin(Stdio::null())
                    .output();
                output.expect("bash runs")
            });
            let told = told.await.expect("no panic");

            let out = String::from_utf8_lossy(&told.stdout).into_owned();
            assert!(told.status.success(), "{document}: {told:?}");
            let answers = out.matches("\"response\":").count() + out.matches("\"access\":").count();
            assert_eq!(answers, calls, "{document}: {out}");
            tried += calls;
        }
    }
    assert!(tried >= 4, "{tried}");
}
