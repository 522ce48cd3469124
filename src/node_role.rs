//! Which halves of the program a node runs. One node runs both; several on one PostgreSQL may share the work out. Nothing
//! else differs between them: the nodes meet in the database.

use crate::config::SettingError;
use crate::db::DatabaseUrl;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, clap::ValueEnum)]
pub enum NodeRole {
    /// Pages, API and deliveries
    #[default]
    All,
    /// Pages and API only
    Web,
    /// Deliveries only
    Worker,
}

impl NodeRole {
    /// Claims, sends and cleans up.
    pub fn delivers(self) -> bool {
        matches!(self, NodeRole::All | NodeRole::Worker)
    }

    /// Answers people and programs.
    pub fn serves(self) -> bool {
        matches!(self, NodeRole::All | NodeRole::Web)
    }

    /// An embedded database has one process, which must do everything.
    pub fn check(self, database: &DatabaseUrl) -> Result<NodeRole, SettingError> {
        if self == NodeRole::All || !database.is_sqlite() {
            return Ok(self);
        }
        Err(SettingError {
            setting: "TASKVIEW_ROLE",
            reason: format!(
                "“{self}” needs a database that several nodes share: set TASKVIEW_DATABASE_URL to a PostgreSQL, or leave the role at “all”"
            ),
        })
    }
}

impl std::fmt::Display for NodeRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NodeRole::All => "all",
            NodeRole::Web => "web",
            NodeRole::Worker => "worker",
        })
    }
}

/// Tells the processes apart whose logs and traces are gathered in one place: `web1-4711`.
pub fn node_name() -> String {
    let host = rustix::system::uname();
    format!("{}-{}", host.nodename().to_string_lossy(), std::process::id())
}

/// The name of a node as another one told it: short, and nothing but a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName(Box<str>);

impl NodeName {
    const LONGEST: usize = 100;

    pub fn parse(text: &str) -> Option<NodeName> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_name = !text.is_empty() && text.len() <= NodeName::LONGEST && text.chars().all(is_part);
        is_name.then(|| NodeName(text.into()))
    }
}

impl std::fmt::Display for NodeName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedded_database_takes_a_node_that_does_everything_and_no_other() {
        let (embedded, shared) = (
            DatabaseUrl::parse("sqlite:a.db").unwrap(),
            DatabaseUrl::parse("postgres://u@h/n").unwrap(),
        );

        for role in [NodeRole::All, NodeRole::Web, NodeRole::Worker] {
            assert_eq!(role.check(&shared), Ok(role));
            assert_eq!(role.check(&embedded).is_ok(), role.serves() && role.delivers());
        }
    }

    #[test]
    fn a_name_is_short_and_nothing_but_a_name() {
        let long = "a".repeat(NodeName::LONGEST + 1);

        for name in [&node_name(), "web1-4711", "db.example.com-1"] {
            assert_eq!(
                NodeName::parse(name).map(|name| name.to_string()).as_deref(),
                Some(name)
            );
        }
        for none in ["", "a b", "<b>", "a\u{202e}b", &long] {
            assert_eq!(NodeName::parse(none), None, "{none}");
        }
    }
}
