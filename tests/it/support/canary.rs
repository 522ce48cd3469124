//! Looks for secrets where they must not be: on every page, in answers, logs, files and rows, in the disguises in which they might
//! stand there. A search that was given nothing to look through, or that does not find what is there, is a failure.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl};

use super::browser::Browser;
use super::database::{Kind, TestDatabase, kind};

/// A secret by what it is called.
pub struct Canary {
    name: String,
    disguises: Vec<String>,
}

impl Canary {
    pub fn new(name: &str, secret: &str) -> Canary {
        // Short ones would be found by chance.
        assert!(secret.len() >= 16, "{name} is too short to be looked for");
        let bare = secret.trim_start_matches("whsec_").trim_start_matches("tvk_");
        let mut disguises = BTreeSet::from([
            one_byte_a_character(bare.as_bytes()),
            hex::encode(bare),
            hex::encode(secret),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            url::form_urlencoded::byte_serialize(bare.as_bytes()).collect(),
        ]);
        for key in [STANDARD.decode(bare).ok(), hex::decode(bare).ok()]
            .into_iter()
            .flatten()
        {
            disguises.extend([one_byte_a_character(&key), hex::encode(&key), STANDARD.encode(&key)]);
        }
        Canary {
            name: name.to_owned(),
            disguises: disguises.into_iter().collect(),
        }
    }
}

/// Where to look, by its name.
pub struct Places(Vec<(String, String)>);

impl Places {
    pub fn new() -> Places {
        Places(Vec::new())
    }

    pub fn add(&mut self, name: impl Into<String>, bytes: &[u8]) {
        let name = name.into();
        assert!(!bytes.is_empty(), "{name} is empty: nothing would be found in it");
        self.0.push((name, one_byte_a_character(bytes)));
    }

    /// Every line with one of them, as `place: secret: line`.
    pub fn telling(&self, canaries: &[Canary]) -> Vec<String> {
        let mut found = Vec::new();
        for (place, text) in &self.0 {
            for canary in canaries {
                for disguise in &canary.disguises {
                    if let Some(at) = text.find(disguise.as_str()) {
                        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
                        let line: String = text[line..].chars().take(300).collect();
                        found.push(format!("{place}: {}: {line}", canary.name));
                    }
                }
            }
        }
        found
    }

    #[track_caller]
    pub fn assert_hold_none_of(&self, canaries: &[Canary]) {
        assert!(
            !self.0.is_empty() && !canaries.is_empty(),
            "there is nothing to look for or through"
        );
        // What is there is found, whatever stands around it.
        for canary in canaries {
            for disguise in &canary.disguises {
                let probe = Places(vec![("probe".to_owned(), format!("x{disguise}x\n"))]);
                assert!(
                    !probe.telling(canaries).is_empty(),
                    "{} would not be found",
                    canary.name
                );
            }
        }
        let telling = self.telling(canaries);
        assert!(telling.is_empty(), "secrets are told:\n{}", telling.join("\n"));
    }
}

/// Any bytes as a text in which they can be searched quickly.
fn one_byte_a_character(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Every page that can be reached by links from these, by path.
pub async fn crawl(browser: &Browser, from: &[&str]) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut waiting: Vec<String> = from.iter().map(|&path| path.to_owned()).collect();
    waiting.push("/".to_owned());
    let mut pages = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.contains("/sign-out") || !seen.insert(path.clone()) {
            continue;
        }
        let page = browser.get(&path).await;
        assert!(page.status < 500, "{path} failed: {}", page.text());
        waiting.extend(
            page.links()
                .into_iter()
                .map(|link| link.split('#').next().unwrap_or_default().to_owned()),
        );
        pages.push((path, page.html));
        assert!(pages.len() < 500, "the pages never end");
    }
    pages
}

/// Everything that the database keeps, while the program runs: the files, or every row as text.
pub fn dump(database: &TestDatabase) -> Vec<u8> {
    let bytes = match kind() {
        Kind::Sqlite => {
            let files = std::fs::read_dir(database.dir()).expect("the data directory");
            let paths = files.map(|file| file.expect("a file").path());
            let of_database = paths.filter(|path| path.to_string_lossy().contains("taskview."));
            of_database
                .flat_map(|path| std::fs::read(path).expect("a file of the database"))
                .collect()
        }
        Kind::Postgres => rows_as_text(&database.url).into_bytes(),
    };
    assert!(bytes.len() > 1_000, "the database is empty");
    bytes
}

#[expect(clippy::disallowed_methods, reason = "every table, whatever it is called")]
fn rows_as_text(url: &str) -> String {
    #[derive(QueryableByName)]
    struct Text {
        #[diesel(sql_type = diesel::sql_types::Text)]
        text: String,
    }
    let mut database = PgConnection::establish(url).expect("the database");
    // Bytes as text where they are text: a secret in the clear would be readable.
    database
        .batch_execute("SET bytea_output = 'escape'")
        .expect("a setting");
    let tables: Vec<Text> =
        diesel::sql_query("SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public'")
            .load(&mut database)
            .expect("the tables");
    let mut all = String::new();
    for Text { text: table } in tables {
        let rows: Vec<Text> = diesel::sql_query(format!("SELECT t::text AS text FROM {table} t"))
            .load(&mut database)
            .expect("rows");
        all.extend(rows.into_iter().map(|row| row.text + "\n"));
    }
    all
}
