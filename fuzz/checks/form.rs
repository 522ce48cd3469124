//! The forms of a task and of a webhook, as a browser or anybody else sends them. What was read is compared with the pairs that the
//! URL standard finds in the same bytes; what is accepted keeps its limits, and what is refused names its field.

use std::collections::BTreeSet;

use actix_web::http::header::{HeaderName, HeaderValue};
use url::form_urlencoded;

use crate::actions::webhooks::{NewWebhook, brought};
use crate::domain::field_error::FieldError;
use crate::domain::ids::{MemberId, ProjectId, TaskId, UserId};
use crate::domain::moment::Moment;
use crate::domain::own_header;
use crate::domain::target::AllowList;
use crate::domain::task::{MAX_DESCRIPTION, MAX_NOTE, Task, TaskDraft};
use crate::error::AppError;
use crate::web::pages::tasks::form::TaskForm;
use crate::web::pages::webhooks::form::Sent;

/// No sentence about a field is longer, whatever was typed into it.
const LONGEST_SENTENCE: usize = 600;

pub fn check(input: &[u8]) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(input)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if let Ok(form) = serde_html_form::from_bytes::<TaskForm>(input) {
        assert_eq!(form.description, only(&pairs, "description"));
        assert_eq!(form.note, only(&pairs, "note"));
        let tags: Vec<_> = all(&pairs, "tags").map(str::parse::<i64>).collect();
        assert_eq!(form.tags.iter().map(|tag| Ok(tag.0)).collect::<Vec<_>>(), tags);
        task(&form);
    }
    if let Ok(sent) = Sent::parse(input) {
        webhook(&pairs, sent);
    }
}

fn task(form: &TaskForm) {
    let blank = task_of(TaskDraft::blank());
    match form.patch(&blank).onto(blank.draft()) {
        Ok(draft) => {
            assert!((1..=MAX_DESCRIPTION).contains(&draft.description.chars().count()));
            let note = draft.note.as_deref().unwrap_or_default();
            assert!(note.chars().count() <= MAX_NOTE);
            let allowed = |c: char| !c.is_control() || c == '\n' || c == '\t';
            assert!(draft.description.chars().chain(note.chars()).all(allowed));
            // Shown again and saved untouched, nothing changes.
            let saved = task_of(draft);
            assert_eq!(TaskForm::of(&saved).patch(&saved).onto(saved.draft()), Ok(saved.draft()));
        }
        Err(errors) => assert_told(
            &errors,
            &["description", "note", "priorityId", "startDate", "startTime", "endDate", "endTime"],
        ),
    }
}

fn task_of(draft: TaskDraft) -> Task {
    Task {
        id: TaskId(1),
        project_id: ProjectId(2),
        description: draft.description,
        complete: draft.complete,
        status_id: draft.status_id,
        priority: draft.priority,
        tags: draft.tags,
        assignees: vec![MemberId(3)],
        subtasks: Vec::new(),
        parent_id: draft.parent_id,
        note: draft.note,
        start_date: draft.start_date,
        start_time: draft.start_time,
        end_date: draft.end_date,
        end_time: draft.end_time,
        creator_id: UserId(4),
        created_at: Moment(0),
        edited_at: Moment(0),
        completed_at: None,
    }
}

fn webhook(pairs: &[(String, String)], sent: Sent) {
    assert_eq!(sent.url, only(pairs, "url"));
    let headers = own_header::lines(sent.headers.as_deref().map_or("", |text| text));
    if own_header::check(&headers).is_empty() {
        assert!(headers.len() <= own_header::MOST);
        let mut names = BTreeSet::new();
        for header in &headers {
            assert!(names.insert(header.name.to_ascii_lowercase()), "a name is there twice");
            let name = HeaderName::try_from(header.name.as_str()).expect("a name of HTTP");
            let ours = ["content-", "webhook-", "x-webhook-"];
            assert!(!ours.iter().any(|prefix| name.as_str().starts_with(prefix)));
            if let Some(value) = &header.value {
                HeaderValue::from_str(value).expect("a value of HTTP");
                assert!(!value.contains(['\r', '\n', '\0']));
            }
        }
    }
    let new = NewWebhook {
        events: sent.events(),
        url: sent.url.clone(),
        name: Some(sent.name.clone()),
        schedule: Some(sent.schedule()),
        secret: brought(&sent.secret),
        headers,
    };
    match new.check(&AllowList::default()) {
        Ok(()) => {
            assert!((1..=100).contains(&new.events.len()) && sent.name.trim().chars().count() <= 80);
            if let Some(Ok(secret)) = &new.secret {
                assert_eq!(secret.expose(), sent.secret.trim());
            }
        }
        Err(AppError::Invalid(errors)) => {
            assert_told(&errors, &["url", "events", "name", "secret", "headers"]);
        }
        Err(other) => panic!("{other:?}"),
    }
}

fn assert_told(errors: &[FieldError], fields: &[&str]) {
    assert!(!errors.is_empty());
    for error in errors {
        assert!(fields.contains(&error.name.as_str()), "{error:?}");
        assert!(!error.message.is_empty() && error.message.len() <= LONGEST_SENTENCE, "{error:?}");
    }
}

fn all<'a>(pairs: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |pair| pair.0 == name).map(|pair| pair.1.as_str())
}

/// A field that was read came once or not at all.
fn only(pairs: &[(String, String)], name: &str) -> String {
    let mut all = all(pairs, name);
    let value = all.next().unwrap_or_default().to_owned();
    assert!(all.next().is_none(), "{name} was read although it came twice");
    value
}
