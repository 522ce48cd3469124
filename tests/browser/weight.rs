//! What a page costs somebody who was never here: everything it loads, compressed as it travels, within 60 KB.

use crate::chrome::{Chrome, Screen};
use crate::pages::{ROWS, Who};
use crate::support::app::App;
use crate::town::Town;

const MOST: u64 = 60 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_weighs_sixty_kilobytes_at_most_with_all_it_loads() {
    let app = App::configured(|config| config.timing.deadline = std::time::Duration::from_millis(500)).await;
    let town = Town::found(app).await;
    let chrome = Chrome::open(&town.app.base, "weight", Screen::Desk).await;
    let mut visitor = Who::Nobody;
    let mut weights = Vec::new();

    // A state that steps lead to is another answer of the same page.
    for (who, name, path, steps) in ROWS.iter().filter(|row| row.0 != Who::First) {
        visitor = chrome.turn_into(visitor, *who).await;
        if steps.is_empty() {
            weights.push((*name, chrome.first_visit(&town.path(path)).await));
        }
    }

    for (name, fetched) in &weights {
        let loads = |what: &str| fetched.iter().any(|file| file.url.ends_with(what) && file.bytes > 0);
        assert!(
            loads("/app.css") && loads("/icons.svg"),
            "{name} came from a cache: {fetched:?}"
        );
        let sum: u64 = fetched.iter().map(|file| file.bytes).sum();
        assert!(sum <= MOST, "{name} weighs {sum} bytes: {fetched:?}");
    }
    let heaviest = weights
        .iter()
        .map(|(_, fetched)| fetched.iter().map(|file| file.bytes).sum::<u64>());
    println!(
        "the heaviest of {} pages weighs {} bytes",
        weights.len(),
        heaviest.max().unwrap_or_default()
    );
    chrome.close().await;
}
