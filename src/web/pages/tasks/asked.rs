//! Which tasks the list shows. All of it stands in the address, so that a list can be shared, come back to, and taken apart
//! filter by filter; what is not understood of an address asks for nothing.

use serde::Deserialize;

use super::list::{COMPLETED, MOST, RECENT};
use super::view::Choice;
use crate::actions::tasks::Board;
use crate::db::tasks::{Filter, Order};
use crate::domain::calendar::Date;
use crate::domain::ids::{MemberId, StatusId, TagId};
use crate::domain::moment::Moment;

/// The query as it came.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    show: String,
    tag: String,
    status: String,
    assignee: String,
}

/// What was understood of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    pub show: Show,
    pub tag: Option<TagId>,
    /// `Some(None)`: those without one.
    pub status: Option<Option<StatusId>>,
    pub assignee: Option<Assignee>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    Open,
    Late,
    Completed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignee {
    /// Whoever looks: a shared address shows everybody their own.
    Me,
    Nobody,
    One(MemberId),
}

/// A filter that is set, and the address of the list without it.
#[derive(Debug)]
pub struct Chip {
    pub label: String,
    pub without: String,
}

const NONE: &str = "none";
const ME: &str = "me";
/// As addresses had it before there was a filter for people.
const MINE: &str = "mine";

impl From<ListQuery> for Asked {
    fn from(query: ListQuery) -> Asked {
        let id = |text: &str| text.parse::<i64>().ok();
        Asked {
            show: Show::ALL
                .into_iter()
                .find(|show| show.value() == query.show)
                .unwrap_or_default(),
            tag: id(&query.tag).map(TagId),
            status: match query.status.as_str() {
                NONE => Some(None),
                text => id(text).map(|id| Some(StatusId(id))),
            },
            assignee: match query.assignee.as_str() {
                ME => Some(Assignee::Me),
                NONE => Some(Assignee::Nobody),
                "" if query.show == MINE => Some(Assignee::Me),
                text => id(text).map(|id| Assignee::One(MemberId(id))),
            },
        }
    }
}

impl Asked {
    /// Filters beside the view.
    pub fn narrows(&self) -> bool {
        self.tag.is_some() || self.status.is_some() || self.assignee.is_some()
    }

    /// `?show=late&tag=3`; empty for the list as it opens.
    pub fn query(&self) -> String {
        let parts = [
            (
                "show",
                (self.show != Show::default()).then(|| self.show.value().to_owned()),
            ),
            ("tag", self.tag.map(|id| id.to_string())),
            ("status", self.status.map(|_| self.status_value())),
            ("assignee", self.assignee.map(Assignee::value)),
        ];
        let set: Vec<String> = parts
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
            .collect();
        if set.is_empty() {
            String::new()
        } else {
            format!("?{}", set.join("&"))
        }
    }

    /// The same list by another tag, whose id comes next: `?show=late&tag=`.
    pub fn query_of_tag(&self) -> String {
        let rest = Asked { tag: None, ..*self }.query();
        let sign = if rest.is_empty() { "?" } else { "&" };
        format!("{rest}{sign}tag=")
    }

    fn status_value(&self) -> String {
        match self.status {
            None => String::new(),
            Some(None) => NONE.to_owned(),
            Some(Some(id)) => id.to_string(),
        }
    }

    /// Whose tasks, once it is known who asks.
    pub fn whose(&self, me: MemberId) -> Option<Option<MemberId>> {
        self.assignee.map(|assignee| match assignee {
            Assignee::Me => Some(me),
            Assignee::Nobody => None,
            Assignee::One(id) => Some(id),
        })
    }

    pub fn filters(&self, me: MemberId, now: Moment) -> Vec<Filter> {
        let all = Filter {
            tag: self.tag,
            status: self.status,
            assignee: self.whose(me),
            ..Filter::default()
        };
        let open = Filter {
            complete: Some(false),
            limit: Some(MOST),
            ..all.clone()
        };
        let completed = |limit| Filter {
            complete: Some(true),
            limit: Some(limit),
            order: Order::LastCompleted,
            ..all.clone()
        };
        match self.show {
            Show::Open => vec![open, completed(RECENT)],
            Show::Late => vec![Filter {
                ends_before: Some(Date::of(now)),
                ..open
            }],
            Show::Completed => vec![completed(COMPLETED)],
        }
    }

    /// Whether the list shows an open task that stands there, has the tag and is theirs.
    pub fn shows_new(&self, standing: Option<StatusId>) -> bool {
        self.show == Show::Open && self.status.is_none_or(|status| status == standing)
    }

    /// What is set, in the order of the form. What was removed since has no name any more.
    pub fn chips(&self, board: &Board, here: &str) -> Vec<Chip> {
        let chip = |label: String, without: Asked| Chip {
            label,
            without: format!("{here}{}", without.query()),
        };
        let mut chips = Vec::new();
        if self.show != Show::default() {
            let without = Asked {
                show: Show::default(),
                ..*self
            };
            chips.push(chip(self.show.label().to_owned(), without));
        }
        if let Some(id) = self.tag {
            let name = board.tags.iter().find(|tag| tag.id == id).map(|tag| tag.name.clone());
            let label = name.unwrap_or_else(|| "A tag that was removed".to_owned());
            chips.push(chip(label, Asked { tag: None, ..*self }));
        }
        if let Some(status) = self.status {
            let found = board.statuses.iter().find(|one| Some(one.id) == status);
            let label = match (status, found) {
                (None, _) => "No status".to_owned(),
                (_, Some(status)) => status.name.clone(),
                (_, None) => "A status that was removed".to_owned(),
            };
            chips.push(chip(label, Asked { status: None, ..*self }));
        }
        if let Some(assignee) = self.assignee {
            let label = match assignee {
                Assignee::Me => "Mine".to_owned(),
                Assignee::Nobody => "Nobody's".to_owned(),
                Assignee::One(id) => board
                    .people
                    .iter()
                    .find(|person| person.id == id)
                    .map_or_else(|| "Somebody who left".to_owned(), |person| person.name.clone()),
            };
            chips.push(chip(
                label,
                Asked {
                    assignee: None,
                    ..*self
                },
            ));
        }
        chips
    }

    pub fn shows(&self) -> Vec<Choice> {
        let choice = |show: Show| Choice {
            // An address says nothing of what is not set.
            value: if show == Show::default() { "" } else { show.value() }.to_owned(),
            label: show.label().to_owned(),
            selected: show == self.show,
        };
        Show::ALL.into_iter().map(choice).collect()
    }

    pub fn tags(&self, board: &Board) -> Vec<Choice> {
        let own = board.tags.iter().map(|tag| (tag.id.to_string(), tag.name.clone()));
        let chosen = self.tag.map(|id| id.to_string()).unwrap_or_default();
        choices("Any", own, &chosen)
    }

    pub fn statuses(&self, board: &Board) -> Vec<Choice> {
        let none = (NONE.to_owned(), "No status".to_owned());
        let own = board
            .statuses
            .iter()
            .map(|status| (status.id.to_string(), status.name.clone()));
        choices("Any", own.chain([none]), &self.status_value())
    }

    pub fn people(&self, board: &Board) -> Vec<Choice> {
        let special = [(ME, "Me"), (NONE, "Nobody")].map(|(value, label)| (value.to_owned(), label.to_owned()));
        let others = board
            .people
            .iter()
            .filter(|person| person.id != board.member.member || self.assignee == Some(Assignee::One(person.id)))
            .map(|person| (person.id.to_string(), person.name.clone()));
        let chosen = self.assignee.map(Assignee::value).unwrap_or_default();
        choices("Anybody", special.into_iter().chain(others), &chosen)
    }

    /// What an empty list says: first words, second words.
    pub fn empty(&self) -> (&'static str, &'static str) {
        let mine_alone = Asked {
            assignee: Some(Assignee::Me),
            ..Asked::default()
        };
        match self.show {
            _ if *self == mine_alone => ("Nothing is yours", "No task is assigned to you."),
            _ if self.narrows() => ("No tasks match", "Take a filter away, or show all."),
            Show::Open => (
                "Nothing to do yet",
                "Type the first task above. Every change of a task becomes an event that a webhook can send on.",
            ),
            Show::Late => ("Nothing is late", "No open task is past its deadline."),
            Show::Completed => ("Nothing is complete yet", "Tick a task, and it moves here."),
        }
    }
}

impl Assignee {
    fn value(self) -> String {
        match self {
            Assignee::Me => ME.to_owned(),
            Assignee::Nobody => NONE.to_owned(),
            Assignee::One(id) => id.to_string(),
        }
    }
}

impl Show {
    const ALL: [Show; 3] = [Show::Open, Show::Late, Show::Completed];

    fn value(self) -> &'static str {
        match self {
            Show::Open => "open",
            Show::Late => "late",
            Show::Completed => "completed",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Show::Open => "Open and recent",
            Show::Late => "Late",
            Show::Completed => "Completed",
        }
    }
}

fn choices(any: &str, rest: impl Iterator<Item = (String, String)>, chosen: &str) -> Vec<Choice> {
    let all = std::iter::once((String::new(), any.to_owned())).chain(rest);
    all.map(|(value, label)| Choice {
        selected: value == chosen,
        value,
        label,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Asked {
        serde_html_form::from_str::<ListQuery>(query).unwrap().into()
    }

    #[test]
    fn an_address_says_again_what_was_understood_of_it() {
        for (query, again) in [
            ("", ""),
            ("show=open&tag=&status=&assignee=", ""),
            (
                "assignee=me&tag=3&show=late&status=5",
                "?show=late&tag=3&status=5&assignee=me",
            ),
            ("status=none&assignee=none", "?status=none&assignee=none"),
            ("assignee=7", "?assignee=7"),
            ("show=mine", "?assignee=me"),
            ("show=mine&assignee=7", "?assignee=7"),
            ("show=everything&tag=red&status=1x&assignee=-", ""),
            ("tag=%3Cb%3E&page=3", ""),
        ] {
            assert_eq!(asked(query).query(), again, "{query}");
            assert_eq!(asked(again.trim_start_matches('?')), asked(query), "{query}");
        }
    }

    #[test]
    fn another_tag_replaces_the_one_that_is_set_and_keeps_the_rest() {
        assert_eq!(asked("").query_of_tag(), "?tag=");
        assert_eq!(asked("tag=3").query_of_tag(), "?tag=");
        assert_eq!(asked("tag=3&assignee=me").query_of_tag(), "?assignee=me&tag=");
    }

    #[test]
    fn a_new_task_is_open_and_stands_where_it_was_put() {
        let here = Some(StatusId(5));

        assert!(asked("").shows_new(None));
        assert!(asked("tag=3&assignee=me&status=5").shows_new(here));
        assert!(!asked("status=5").shows_new(None));
        assert!(asked("status=none").shows_new(None));
        assert!(!asked("show=late").shows_new(here));
        assert!(!asked("show=completed").shows_new(here));
    }
}
