//! The webhooks of a project as a TOML file: what `export` writes and `import` reads. No secrets, and of own headers no values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::own_header::{Given, MASK};

/// The whole file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookFile {
    #[serde(default, rename = "webhook")]
    pub webhooks: Vec<Entry>,
}

/// One webhook. What is left out stays as it is; a new one is on, without headers and with the standard schedule.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub url: String,
    pub events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// All that it shall have, values by names; the mask keeps a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, Zeroizing<String>>>,
}

/// Nothing of the headers' values.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({})", self.title())
    }
}

impl Entry {
    /// The name, else the URL.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.url)
    }

    /// As it is stored: no blanks around it, each event once.
    fn tidy(self) -> Entry {
        let mut events: Vec<String> = Vec::new();
        for event in self.events {
            if !events.contains(&event) {
                events.push(event);
            }
        }
        let name = self.name.map(|name| name.trim().to_owned());
        Entry {
            name: name.filter(|name| !name.is_empty()),
            url: self.url.trim().to_owned(),
            events,
            ..self
        }
    }

    pub fn given_headers(&self) -> Option<Vec<Given>> {
        let given = self.headers.as_ref()?.iter();
        Some(given.map(|(name, value)| Given::new(name, Some(value))).collect())
    }

    /// Names without values.
    pub fn masked(names: &[String]) -> BTreeMap<String, Zeroizing<String>> {
        let masked = |name: &String| (name.clone(), Zeroizing::new(MASK.to_owned()));
        names.iter().map(masked).collect()
    }
}

impl WebhookFile {
    /// The error is a sentence with the line.
    pub fn parse(text: &str) -> Result<WebhookFile, String> {
        let file: WebhookFile = toml::from_str(text).map_err(|error| {
            // Without the line itself, in which the value of a header may stand.
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            format!("line {line}: {}", reason(error.message()))
        })?;
        Ok(WebhookFile {
            webhooks: file.webhooks.into_iter().map(Entry::tidy).collect(),
        })
    }

    pub fn to_text(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }
}

/// What is wrong, without what stands there: a text that is no list is quoted by the parser.
fn reason(message: &str) -> &str {
    if message.starts_with("invalid type: string ")
        && let Some((_, expected)) = message.rsplit_once(", expected ")
    {
        return match expected {
            "a sequence" => "a list belongs here, and this is a text",
            "a map" | "struct Entry" => "a table belongs here, and this is a text",
            _ => "this is a text, where none belongs",
        };
    }
    message.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_the_wrong_place_is_told_without_what_it_says() {
        for text in ["events = \"\"\"\nhunter2, expected x\"\"\"", "headers = \"hunter2\""] {
            let sentence = WebhookFile::parse(&format!("[[webhook]]\nurl = \"u\"\n{text}\n")).unwrap_err();
            assert!(
                sentence.contains("belongs here, and this is a text") && !sentence.contains("hunter2"),
                "{sentence}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_what_is_left_out_says_nothing() {
        let file = WebhookFile::parse(
            "[[webhook]]\nurl = \"https://a.example/\"\nevents = [\"task.created\"]\n\n\
             [[webhook]]\nname = \"CI\"\nurl = \"https://b.example/\"\nevents = []\nactive = false\n\
             retry_schedule = \"patient\"\nheaders = { Authorization = \"••••\" }\n",
        )
        .expect("TOML");

        let again = WebhookFile::parse(&file.to_text().expect("TOML")).expect("TOML");

        let shown = |file: &WebhookFile| -> Vec<_> {
            let all = file.webhooks.iter();
            all.map(|one| (one.title().to_owned(), one.active, one.retry_schedule.clone()))
                .collect()
        };
        assert_eq!(shown(&file), shown(&again));
        assert_eq!(
            shown(&file),
            [
                ("https://a.example/".to_owned(), None, None),
                ("CI".to_owned(), Some(false), Some("patient".to_owned())),
            ]
        );
        let given = file.webhooks[1].given_headers().expect("headers");
        assert!(given[0].value.is_none(), "the mask is no value");
    }

    #[test]
    fn an_entry_is_read_as_it_would_be_stored() {
        let file = WebhookFile::parse(
            "[[webhook]]\nname = \"  \"\nurl = \" https://a.example/ \"\nevents = [\"task.created\", \"task.created\"]\n",
        )
        .expect("TOML");

        let entry = &file.webhooks[0];
        assert_eq!(
            (entry.name.as_deref(), entry.title(), entry.events.len()),
            (None, "https://a.example/", 1)
        );
    }

    #[test]
    fn a_mistake_does_not_repeat_what_stands_beside_it() {
        let refused = WebhookFile::parse("[[webhook]]\nheaders = { Authorization = \"Bearer 4711\"\n");

        assert!(
            matches!(&refused, Err(sentence) if sentence.starts_with("line ") && !sentence.contains("4711")),
            "{refused:?}"
        );
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, words) in [
            ("[[webhook]]\nurl = \"x\"\n", "missing field `events`"),
            (
                "[[webhook]]\nurl = \"x\"\nevents = []\nsecret = \"x\"\n",
                "unknown field `secret`",
            ),
            ("[[hooks]]\n", "unknown field `hooks`"),
            ("webhook = 1", "line 1"),
        ] {
            let refused = WebhookFile::parse(text);
            assert!(
                matches!(&refused, Err(sentence) if sentence.contains(words)),
                "{refused:?}"
            );
        }
    }
}
