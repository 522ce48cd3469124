//! Where metrics are told, and to whom.

use std::net::SocketAddr;

use subtle::ConstantTimeEq as _;

use crate::config::{Concealed, SettingError};

/// Less can be guessed.
const SHORTEST: usize = 16;

/// As it is given.
#[derive(Debug, Clone, clap::Args)]
pub struct MetricsSettings {
    /// Address on which /metrics answers everybody, and nothing else does; for one that only the monitoring reaches
    #[arg(long, env = "TASKVIEW_METRICS_LISTEN", value_name = "ADDRESS")]
    pub metrics_listen: Option<SocketAddr>,

    /// Bearer token with which /metrics answers on the main address, at least 16 characters
    #[arg(long, env = "TASKVIEW_METRICS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub metrics_token: Option<Concealed>,
}

/// What holds. Without any of it, metrics are told in laptop mode only.
#[derive(Debug, Clone, Default)]
pub struct MetricsAccess {
    pub listen: Option<SocketAddr>,
    pub token: Option<Concealed>,
}

impl MetricsSettings {
    pub fn check(self) -> Result<MetricsAccess, SettingError> {
        if self
            .metrics_token
            .as_ref()
            .is_some_and(|token| token.0.len() < SHORTEST)
        {
            return Err(SettingError {
                setting: "TASKVIEW_METRICS_TOKEN",
                reason: format!("it is too short: take at least {SHORTEST} characters, e.g. of openssl rand -hex 32"),
            });
        }
        Ok(MetricsAccess {
            listen: self.metrics_listen,
            token: self.metrics_token,
        })
    }
}

impl MetricsAccess {
    /// Whether this value of `Authorization` holds the token; compared in constant time.
    pub fn admits(&self, authorization: &str) -> bool {
        let given = match authorization.split_once(' ') {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case("bearer") => given.trim(),
            _ => return false,
        };
        let token = self.token.as_ref();
        token.is_some_and(|token| bool::from(token.0.as_bytes().ct_eq(given.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(token: &str) -> Result<MetricsAccess, SettingError> {
        let settings = MetricsSettings {
            metrics_listen: None,
            metrics_token: Some(Concealed::from(token.to_owned())),
        };
        settings.check()
    }

    #[test]
    fn only_the_whole_token_is_let_in() {
        let with_token = access("0123456789abcdef").unwrap();

        for (given, admitted) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcde", false),
            ("Bearer 0123456789abcdef0", false),
            ("Bearer ", false),
            ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false),
            ("", false),
        ] {
            assert_eq!(with_token.admits(given), admitted, "{given}");
            assert!(!MetricsAccess::default().admits(given), "{given}");
        }
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused() {
        for short in ["", "secret", "0123456789abcde"] {
            assert_eq!(access(short).unwrap_err().setting, "TASKVIEW_METRICS_TOKEN");
        }
    }
}
