//! What is there when the demo opens: three people, two projects with tasks, and webhooks to each kind of receiver. Made with the
//! same actions as the pages use.

use zeroize::Zeroizing;

use super::receivers::{Manner, Receivers};
use crate::actions::access::Actor;
use crate::actions::accounts::NewAccount;
use crate::actions::webhooks::{self, NewWebhook};
use crate::actions::{members, operator, projects, tasks};
use crate::context::Context;
use crate::db::{Tx, users::User};
use crate::domain::event::EventKind;
use crate::domain::ids::ProjectId;
use crate::domain::own_header::Given;
use crate::domain::project::{COLORS, ProjectDraft};
use crate::domain::retry::Schedule;
use crate::domain::role::Role;
use crate::domain::task::{Priority, TaskDraft};
use crate::error::AppError;
use crate::gate::Gate;
use crate::store::Store;

pub(super) const LOGIN: &str = "lead";

/// Login, display name, and the role in every project.
const OTHERS: &[(&str, &str, Role)] = &[
    ("mia", "Mia Brandt", Role::Manager),
    ("tom", "Tom Okafor", Role::Member),
];

const PROJECTS: &[(&str, &str, &[&str])] = &[
    (
        "Website relaunch",
        "The new shop front, live before the spring campaign.",
        &[
            "Fix login bug",
            "Move the images to the CDN",
            "Write the release notes",
            "Checkout: show the delivery date",
            "Review the cookie banner",
            "Load test with 500 visitors",
        ],
    ),
    (
        "Warehouse",
        "Scanners, stock levels and what the ERP system wants to know.",
        &[
            "Count shelf 14 again",
            "Label printer prints twice",
            "Returns: say why in the list",
        ],
    ),
];

const ALL_EVENTS: &[EventKind] = &[
    EventKind::TASK_CREATED,
    EventKind::TASK_UPDATED,
    EventKind::TASK_DELETED,
    EventKind::TASK_ASSIGNEES_CHANGED,
];

/// Who changes what.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) actors: Vec<Actor>,
    pub(super) projects: Vec<ProjectId>,
}

struct Hook {
    name: &'static str,
    url: String,
    events: Vec<EventKind>,
    schedule: Schedule,
    headers: &'static [(&'static str, &'static str)],
    /// Turned off by a person, so that what happens is held.
    off: bool,
}

pub(super) async fn make(
    context: &Context,
    receivers: &Receivers,
    password: Zeroizing<String>,
) -> Result<Sample, AppError> {
    let (store, gate) = (context.store(), context.gate());
    let lead = account(store, gate, LOGIN, "Lea Dorn", &password).await?;
    let mut actors = vec![Actor::account(lead.id, None)];
    for (login, name, _) in OTHERS {
        let user = account(store, gate, login, name, &password).await?;
        actors.push(Actor::account(user.id, None));
    }
    let hooks = [website_hooks(receivers), warehouse_hooks(receivers)];
    let mut made = Vec::new();
    for (index, hooks) in hooks.into_iter().enumerate() {
        made.push(project(context, &actors[0], index, hooks).await?);
    }
    Ok(Sample { actors, projects: made })
}

async fn account(store: &Store, gate: &Gate, login: &str, name: &str, password: &str) -> Result<User, AppError> {
    let new = NewAccount {
        login: login.to_owned(),
        email: email(login),
        name: name.to_owned(),
        password: Zeroizing::new(password.to_owned()),
    };
    operator::add(store, gate, new).await
}

fn email(login: &str) -> String {
    format!("{login}@example.com")
}

fn hook(name: &'static str, url: String, events: &[EventKind]) -> Hook {
    Hook {
        name,
        url,
        events: events.to_vec(),
        schedule: Schedule::Standard,
        headers: &[],
        off: false,
    }
}

fn website_hooks(receivers: &Receivers) -> Vec<Hook> {
    vec![
        hook("CI pipeline", receivers.url(Manner::Quick), ALL_EVENTS),
        Hook {
            schedule: Schedule::Patient,
            headers: &[("Authorization", "Bearer demo-token"), ("X-Team", "web")],
            ..hook("Slack bot", receivers.url(Manner::Busy), &[EventKind::TASK_CREATED])
        },
        hook("Dashboard", receivers.url(Manner::Slow), ALL_EVENTS),
        hook("Staging", receivers.url(Manner::Flaky), ALL_EVENTS),
        Hook {
            off: true,
            ..hook(
                "Time tracking",
                receivers.url(Manner::Quick),
                &[EventKind::TASK_UPDATED],
            )
        },
    ]
}

fn warehouse_hooks(receivers: &Receivers) -> Vec<Hook> {
    vec![
        // Ten failures in a row turn it off after half a minute or so.
        hook("ERP", receivers.url(Manner::Broken), ALL_EVENTS),
        Hook {
            schedule: Schedule::Patient,
            ..hook(
                "Label printer",
                receivers.url(Manner::Silent),
                &[EventKind::TASK_CREATED],
            )
        },
        hook("Old address", receivers.url(Manner::Moved), &[EventKind::TASK_DELETED]),
        // Port 9, discard: nobody listens there.
        hook(
            "Scanner",
            "http://localhost:9/".to_owned(),
            &[EventKind::TASK_ASSIGNEES_CHANGED],
        ),
        hook("Stock levels", receivers.url(Manner::Quick), ALL_EVENTS),
    ]
}

async fn project(context: &Context, lead: &Actor, index: usize, hooks: Vec<Hook>) -> Result<ProjectId, AppError> {
    let (lead, vault, allow) = (*lead, context.vault().clone(), context.config().allow.clone());
    let hooks = std::sync::Arc::new(hooks);
    context
        .write(move |tx| {
            let (name, description, texts) = PROJECTS[index % PROJECTS.len()];
            let draft = ProjectDraft {
                name: name.to_owned(),
                description: description.to_owned(),
                color: COLORS[index % COLORS.len()].0.to_owned(),
            };
            let project = projects::create(tx, &lead, &draft)?.project.id;
            for (login, _, role) in OTHERS {
                members::add(tx, &lead, project, &email(login), *role)?;
            }
            for hook in hooks.iter() {
                let added = webhooks::add(tx, &lead, project, &new_webhook(hook), &vault, &allow)?;
                if hook.off {
                    webhooks::turn_off(tx, &lead, project, added.webhook)?;
                }
            }
            add_tasks(tx, &lead, project, texts)?;
            Ok(project)
        })
        .await
}

fn new_webhook(hook: &Hook) -> NewWebhook {
    let header = |(name, value): &(&str, &str)| Given::new(name, Some(value));
    NewWebhook {
        url: hook.url.clone(),
        events: hook.events.iter().map(ToString::to_string).collect(),
        name: Some(hook.name.to_owned()),
        schedule: Some(hook.schedule),
        secret: None,
        headers: hook.headers.iter().map(header).collect(),
    }
}

fn add_tasks(tx: &mut Tx<'_>, lead: &Actor, project: ProjectId, texts: &[&str]) -> Result<(), AppError> {
    for (text, priority) in texts
        .iter()
        .zip([Priority::High, Priority::Medium, Priority::Low].iter().cycle())
    {
        let draft = TaskDraft {
            description: (*text).to_owned(),
            priority: *priority,
            ..TaskDraft::blank()
        };
        tasks::add(tx, lead, project, &draft)?;
    }
    Ok(())
}
