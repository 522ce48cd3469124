//! How this node is, for whoever watches it: whether the process answers, and whether it can do its work.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::context::Context;
use crate::db::migrations::{Schema, Standing};
use crate::pulse;

/// Says nothing about the database: a supervisor that restarts us would not mend that.
pub async fn healthz() -> HttpResponse {
    super::plain(StatusCode::OK, "ok")
}

/// Whether to send requests here, or to count on this node's deliveries: 503 and a sentence while it cannot do its work.
pub async fn readyz(ctx: web::Data<Context>) -> HttpResponse {
    let state = State {
        schema: ctx
            .read(|db| Ok(Schema::of(db)?.unwrap_or_default().standing()))
            .await
            .ok(),
        wrong_clock: ctx.others().and_then(|others| others.wrong_clock()),
        still_for: ctx.config().role.delivers().then(|| ctx.pulse().age()),
        nobody_delivers: ctx.nobody_delivers(),
    };
    let (status, sentence) = state.judged();
    super::plain(status, &sentence)
}

/// What is looked at.
struct State {
    /// `None`: the database does not answer.
    schema: Option<Standing>,
    /// What is wrong with this machine's clock.
    wrong_clock: Option<String>,
    /// For how long the engine has not made a round; `None` on a node without one.
    still_for: Option<Duration>,
    nobody_delivers: bool,
}

impl State {
    /// What is worst is said first.
    fn judged(self) -> (StatusCode, String) {
        let still = self.still_for.filter(|time| *time > pulse::PATIENCE);
        let refuse = |sentence: String| (StatusCode::SERVICE_UNAVAILABLE, sentence);
        let accept = |sentence: &str| (StatusCode::OK, sentence.to_owned());
        match (self.schema, self.wrong_clock, still) {
            (None, ..) => refuse("The database cannot be reached right now.".to_owned()),
            (Some(Standing::Older), ..) => refuse(
                "The database lacks migrations of this version, as after an older copy was restored under it: restart this node, \
                 which migrates it."
                    .to_owned(),
            ),
            (_, Some(sentence), _) => refuse(sentence),
            (.., Some(time)) => refuse(format!(
                "The engine that delivers has stood still for {} s: look into the log for what it said last, and restart this node.",
                time.as_secs()
            )),
            (Some(Standing::Newer), ..) => accept(
                "ready, but a newer version has migrated the database: replace this node by that version too",
            ),
            _ if self.nobody_delivers => accept(
                "ready, but no node that delivers is there: deliveries wait until one runs with TASKVIEW_ROLE all or worker",
            ),
            _ => accept("ready"),
        }
    }
}

/// Everything else on a node that serves nobody.
pub async fn only_a_worker() -> HttpResponse {
    super::plain(
        StatusCode::NOT_FOUND,
        "This node only delivers (TASKVIEW_ROLE is worker): pages and API are answered by another one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> State {
        State {
            schema: Some(Standing::Ours),
            wrong_clock: None,
            still_for: Some(Duration::from_secs(1)),
            nobody_delivers: false,
        }
    }

    #[test]
    fn a_node_that_cannot_do_its_work_says_why_and_one_that_can_is_ready() {
        let long = pulse::PATIENCE + Duration::from_secs(2);
        let table = [
            (well(), 200, "ready"),
            (
                State {
                    still_for: None,
                    ..well()
                },
                200,
                "ready",
            ),
            (State { schema: None, ..well() }, 503, "cannot be reached"),
            (
                State {
                    schema: Some(Standing::Older),
                    ..well()
                },
                503,
                "lacks migrations",
            ),
            (
                State {
                    schema: Some(Standing::Newer),
                    ..well()
                },
                200,
                "newer version",
            ),
            (
                State {
                    wrong_clock: Some("The clock is wrong.".into()),
                    ..well()
                },
                503,
                "The clock",
            ),
            (
                State {
                    still_for: Some(long),
                    ..well()
                },
                503,
                "stood still for 17 s",
            ),
            (
                State {
                    nobody_delivers: true,
                    ..well()
                },
                200,
                "no node that delivers",
            ),
        ];

        for (state, status, said) in table {
            let (judged, sentence) = state.judged();
            assert_eq!(judged.as_u16(), status, "{sentence}");
            assert!(sentence.contains(said), "{sentence}");
        }
    }
}
