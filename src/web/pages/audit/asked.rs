//! Which part of the audit log is asked for, and where on it one stands: all of it in the address.

use std::net::IpAddr;

use serde::Deserialize;

use crate::actions::audit::Log;
use crate::db::audit_log::{Filter, Of, Who};
use crate::db::history::Start;
use crate::domain::audit::Group;
use crate::domain::field_error::FieldError;
use crate::domain::ids::{AuditId, UserId};
use crate::domain::moment::Moment;
use crate::domain::quoted::unturned;
use crate::web::filters::{self, Chip, Choice, Part, Span, choices, named, written};

/// As the address says it; an empty word asks for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// The id of an account, or `system`.
    who: String,
    what: String,
    pub subject: String,
    pub address: String,
    time: String,
    pub from: String,
    pub to: String,
    before: Option<AuditId>,
    after: Option<AuditId>,
}

const SYSTEM: &str = "system";
const NOBODY: &str = "System or command line";
const OF_PROJECT: &[(&str, &str, Group)] = &[
    ("webhooks", "Webhooks", Group::Webhooks),
    ("deliveries", "Deliveries", Group::Deliveries),
    ("members", "Members", Group::Members),
    ("project", "Project", Group::Project),
    ("labels", "Tags and statuses", Group::Labels),
];
const OF_INSTALLATION: &[(&str, &str, Group)] = &[
    ("accounts", "Accounts and sign-ins", Group::Accounts),
    ("tokens", "API tokens", Group::Tokens),
    ("projects", "Projects", Group::Project),
];

fn groups(of: Of) -> &'static [(&'static str, &'static str, Group)] {
    match of {
        Of::Project(_) => OF_PROJECT,
        Of::Installation => OF_INSTALLATION,
    }
}

impl Asked {
    /// An unknown word of a list asks for nothing; what was typed and cannot be understood is told.
    pub fn filter(&self, of: Of, now: Moment) -> Result<Filter, Vec<FieldError>> {
        let mut errors = Vec::new();
        let (since, until) = self.span().instants(now, &mut errors);
        let subject = self.subject.trim();
        let number = subject.trim_start_matches('#').parse::<i64>().ok();
        if number.is_none() && !subject.is_empty() {
            let sentence = "Enter a number, such as that of a webhook in its address.";
            errors.push(FieldError::new("subject", sentence));
        }
        let typed = self.address.trim();
        let address = typed.parse::<IpAddr>().ok();
        if address.is_none() && !typed.is_empty() {
            errors.push(FieldError::new("address", "Enter an IP address, such as 192.0.2.7."));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let group = named(groups(of), &self.what).map(|(_, group)| group);
        Ok(Filter {
            who: self.who(),
            actions: group.map(|group| group.actions().collect()).unwrap_or_default(),
            subject: number,
            address,
            since,
            until,
        })
    }

    fn who(&self) -> Option<Who> {
        match self.who.as_str() {
            SYSTEM => Some(Who::NoAccount),
            id => id.parse().ok().map(|id| Who::Account(UserId(id))),
        }
    }

    fn span(&self) -> Span<'_> {
        Span {
            time: &self.time,
            from: &self.from,
            to: &self.to,
        }
    }

    pub fn start(&self) -> Start<AuditId> {
        match (self.before, self.after) {
            (Some(id), _) => Start::Before(id),
            (None, Some(id)) => Start::After(id),
            (None, None) => Start::Newest,
        }
    }

    /// The filters that say something, as they stand in the address.
    fn set(&self, of: Of) -> Vec<Part<'_>> {
        let known = |says: bool, name, value| Some((name, value)).filter(|_| says);
        let mut set: Vec<_> = [
            known(self.who().is_some(), "who", self.who.as_str()),
            known(named(groups(of), &self.what).is_some(), "what", self.what.as_str()),
        ]
        .into_iter()
        .flatten()
        .collect();
        set.extend(self.span().set());
        let (subject, address) = (self.subject.trim(), self.address.trim());
        set.extend(known(!subject.is_empty(), "subject", subject));
        set.extend(known(!address.is_empty(), "address", address));
        set
    }

    /// Something narrows the log.
    pub fn is_filtered(&self, of: Of) -> bool {
        !self.set(of).is_empty()
    }

    /// The filters and one thing more, in the place of what is set of it.
    pub fn query_with(&self, of: Of, name: &'static str, value: &str) -> String {
        let mut parts = self.set(of);
        parts.retain(|part| part.0 != name);
        parts.push((name, value));
        written(&parts)
    }

    pub fn chips(&self, of: Of, path: &str, log: &Log) -> Vec<Chip> {
        filters::chips(path, &self.set(of), |name, value| match name {
            "who" => self.label_of_who(log),
            "what" => named(groups(of), value).map_or("", |row| row.0).to_owned(),
            "subject" => format!("Number {}", value.trim_start_matches('#')),
            "address" => format!("Address {value}"),
            _ => Span::label(name, value).unwrap_or_default(),
        })
    }

    fn label_of_who(&self, log: &Log) -> String {
        match self.who() {
            Some(Who::Account(id)) => {
                let name = log.people.get(&id).map(|name| unturned(name));
                name.unwrap_or_else(|| format!("Account {id}"))
            }
            _ => NOBODY.to_owned(),
        }
    }

    pub fn times(&self) -> Vec<Choice> {
        self.span().times()
    }

    pub fn whats(&self, of: Of) -> Vec<Choice> {
        choices(groups(of).iter().map(|row| (row.0, row.1)), &self.what)
    }

    /// Those that are listed, and who is chosen already.
    pub fn whos(&self, log: &Log) -> Vec<Choice> {
        let mut rows: Vec<(String, String)> = log
            .listed
            .iter()
            .map(|(id, name)| (id.to_string(), name.clone()))
            .collect();
        rows.push((SYSTEM.to_owned(), NOBODY.to_owned()));
        if self.who().is_some() && !rows.iter().any(|(value, _)| *value == self.who) {
            rows.push((self.who.clone(), self.label_of_who(log)));
        }
        choices(
            rows.iter().map(|(value, label)| (value.as_str(), label.as_str())),
            &self.who,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::Action;
    use crate::domain::ids::ProjectId;

    const NOW: Moment = Moment(1_774_180_800_000_000);
    const WEBSITE: Of = Of::Project(ProjectId(1));

    fn asked(query: &str) -> Asked {
        serde_html_form::from_str(query).expect("a query")
    }

    #[test]
    fn an_address_is_written_as_it_was_read_without_what_says_nothing() {
        let asked = asked("who=7&what=labels&subject=%20%2312&address=&time=7d&from=&before=9&odd=1");

        assert_eq!(
            asked.query_with(WEBSITE, "before", "9"),
            "?who=7&what=labels&time=7d&subject=%2312&before=9"
        );
        assert_eq!(
            asked.query_with(WEBSITE, "who", "8"),
            "?what=labels&time=7d&subject=%2312&who=8"
        );
        assert!(!self::asked("what=accounts&who=all").is_filtered(WEBSITE));
    }

    #[test]
    fn what_is_typed_is_understood_or_told() {
        let filter = |query: &str| asked(query).filter(WEBSITE, NOW);

        let found = filter("who=system&what=members&subject=%2312&address=2001:DB8::1").expect("fine");
        assert_eq!(found.who, Some(Who::NoAccount));
        assert!(found.actions.contains(&Action::MemberLeft) && !found.actions.contains(&Action::TagAdded));
        assert_eq!(
            (found.subject, found.address.map(|ip| ip.to_string())),
            (Some(12), Some("2001:db8::1".into()))
        );
        for wrong in ["subject=bug", "address=localhost", "from=yesterday", "to=1"] {
            assert_eq!(filter(wrong).expect_err(wrong).len(), 1, "{wrong}");
        }
    }
}
