//! How much of everything one account, one project and one request may take: what keeps one person, or one mistake, from taking the
//! server from the others. All of them are settings. Tasks have none: they cost a row each, lists show the first few hundred, and
//! counting them with each new one would cost more than it guards.

use std::time::Duration;

use crate::error::AppError;

const MIB: usize = 1024 * 1024;
const DAY: u64 = 24 * 3600;

/// The limits as they are given.
#[derive(Debug, Clone, clap::Args)]
pub struct LimitSettings {
    /// Largest body of a request, in KiB
    #[arg(long, env = "TASKVIEW_MAX_BODY_KIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(64..=65_536), value_name = "N")]
    pub max_body_kib: u32,

    /// Projects that one account may own
    #[arg(long, env = "TASKVIEW_MAX_PROJECTS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "N")]
    pub max_projects: u32,

    /// Webhooks of one project
    #[arg(long, env = "TASKVIEW_MAX_WEBHOOKS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N")]
    pub max_webhooks: u32,

    /// Members of one project, those who are invited included
    #[arg(long, env = "TASKVIEW_MAX_MEMBERS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub max_members: u32,

    /// Deliveries that are held for one webhook while it is off; older ones end as failed and can be re-sent
    #[arg(long, env = "TASKVIEW_MAX_HELD", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000), value_name = "N")]
    pub max_held: u32,

    /// Days for which they are held
    #[arg(long, env = "TASKVIEW_MAX_HELD_DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365), value_name = "N")]
    pub max_held_days: u32,

    /// API tokens of one account
    #[arg(long, env = "TASKVIEW_MAX_API_TOKENS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000), value_name = "N")]
    pub max_api_tokens: u32,

    /// Sessions of one account, of browsers and of programs each; with one more, the one that was not seen for longest ends
    #[arg(long, env = "TASKVIEW_MAX_SESSIONS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=200), value_name = "N")]
    pub max_sessions: u32,

    /// Open pages that keep themselves up to date, on this node
    #[arg(long, env = "TASKVIEW_MAX_STREAMS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub max_streams: u32,

    /// The same of one session
    #[arg(long, env = "TASKVIEW_MAX_STREAMS_PER_SESSION", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "N")]
    pub max_streams_per_session: u32,
}

/// The limits that hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a request, in bytes.
    pub body: usize,
    /// That one account owns.
    pub projects: i64,
    /// Of a project.
    pub webhooks: i64,
    /// Of a project, with those who are invited.
    pub members: usize,
    /// Deliveries of one webhook that is off.
    pub held: i64,
    pub held_for: Duration,
    /// Of an account.
    pub api_tokens: i64,
    /// Of an account and a kind.
    pub sessions: i64,
    /// Open pages that watch, on this node.
    pub streams: usize,
    pub streams_per_session: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body: MIB,
            projects: 100,
            webhooks: 50,
            members: 500,
            held: 10_000,
            held_for: Duration::from_secs(7 * DAY),
            api_tokens: 100,
            sessions: 100,
            streams: 500,
            streams_per_session: 10,
        }
    }
}

impl From<LimitSettings> for Limits {
    fn from(given: LimitSettings) -> Self {
        Limits {
            body: given.max_body_kib as usize * 1024,
            projects: given.max_projects.into(),
            webhooks: given.max_webhooks.into(),
            members: given.max_members as usize,
            held: given.max_held.into(),
            held_for: Duration::from_secs(u64::from(given.max_held_days) * DAY),
            api_tokens: given.max_api_tokens.into(),
            sessions: given.max_sessions.into(),
            streams: given.max_streams as usize,
            streams_per_session: given.max_streams_per_session as usize,
        }
    }
}

impl Limits {
    /// What a body that is larger is told.
    pub fn body_too_large(&self) -> String {
        let size = if self.body.is_multiple_of(MIB) {
            format!("{} MiB", self.body / MIB)
        } else {
            format!("{} KiB", self.body / 1024)
        };
        format!(
            "What was sent is larger than {size}, so nothing was saved. Send less at once, or have whoever runs the server raise \
             TASKVIEW_MAX_BODY_KIB."
        )
    }
}

/// There is as much as there may be: says of what, what to do about it, and which setting it is.
pub fn reached(there_are: &str, what_to_do: &str, setting: &str) -> AppError {
    AppError::Conflict(format!(
        "{there_are}, which is the limit. {what_to_do}, or have whoever runs the server raise {setting}."
    ))
}

/// `1 webhook`, `50 webhooks`
pub fn some(count: i64, what: &str) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{count} {what}{many}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitSettings,
    }

    #[test]
    fn without_settings_the_defaults_hold() {
        let given = <Line as clap::Parser>::parse_from(["t"]).limits;

        assert_eq!(Limits::from(given), Limits::default());
    }

    #[test]
    fn a_body_is_measured_in_words() {
        let limits = |body| Limits {
            body,
            ..Limits::default()
        };

        assert!(limits(2 * MIB).body_too_large().contains("larger than 2 MiB,"));
        assert!(limits(64 * 1024).body_too_large().contains("larger than 64 KiB,"));
    }
}
