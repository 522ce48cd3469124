//! The TOML of `export` and `import`: what is written is what was read, a mistake is told by its line and without what stands
//! there, and what the form would refuse is refused here too.

use crate::actions::webhooks::NewWebhook;
use crate::domain::own_header;
use crate::domain::target::AllowList;
use crate::domain::webhook_file::WebhookFile;
use crate::error::AppError;

/// A value that no input has by chance; a fuzzer has found it in here.
const CANARY: &str = "canary-5f1e77c0";

pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match WebhookFile::parse(text) {
        Ok(file) => accepted(&file),
        Err(sentence) => {
            let line = sentence.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
            let line = line.map(|(number, reason)| (number.parse::<usize>(), reason.is_empty()));
            assert!(
                matches!(line, Some((Ok(number), false)) if number >= 1 && number <= text.matches('\n').count() + 1),
                "{sentence}"
            );
        }
    }
    if text.contains(CANARY) {
        return;
    }
    // The same with a value in it, whatever is wrong before or after.
    let with = format!("{text}\n[[webhook]]\nheaders = {{ Authorization = \"{CANARY}\" }}\n{text}");
    match WebhookFile::parse(&with) {
        // Behind an open quote it is no value of a header but the rest of a URL, a name or an event.
        Ok(file) if file.to_text().is_ok_and(|text| text.matches(CANARY).count() > values(&file)) => {}
        Ok(file) => assert!(!format!("{file:?}").contains(CANARY)),
        Err(sentence) => assert!(!sentence.contains(CANARY), "{sentence}"),
    }
}

fn values(file: &WebhookFile) -> usize {
    let headers = file.webhooks.iter().filter_map(|one| one.headers.as_ref());
    headers.flat_map(|headers| headers.values()).filter(|value| value.contains(CANARY)).count()
}

fn accepted(file: &WebhookFile) {
    let written = file.to_text().expect("what was read can be written");
    let again = WebhookFile::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_text().as_ref(), Ok(&written));
    assert_eq!(again.webhooks.len(), file.webhooks.len());
    for (one, other) in file.webhooks.iter().zip(&again.webhooks) {
        assert_eq!((&one.name, &one.url, &one.events), (&other.name, &other.url, &other.events));
        assert_eq!((&one.retry_schedule, one.active), (&other.retry_schedule, other.active));
        assert_eq!(one.headers, other.headers);
        assert!(one.title().trim() == one.title());

        let given = one.given_headers().unwrap_or_default();
        assert!(given.len() <= one.headers.as_ref().map_or(0, std::collections::BTreeMap::len));
        if let Ok(resolved) = own_header::resolve(&given, &[]) {
            assert!(resolved.len() <= own_header::MOST && resolved.iter().all(|header| !header.value.is_empty()));
        }
        let new = NewWebhook {
            url: one.url.clone(),
            events: one.events.clone(),
            name: one.name.clone(),
            headers: given,
            ..NewWebhook::default()
        };
        match new.check(&AllowList::default()) {
            Ok(()) => assert!(one.url.chars().count() <= 2_000 && (1..=100).contains(&one.events.len())),
            Err(AppError::Invalid(errors)) => assert!(!errors.is_empty()),
            Err(other) => panic!("{other:?}"),
        }
    }
}
