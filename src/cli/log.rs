//! How the log is written: for people on a terminal, one flat JSON object a line otherwise, always to standard error. docs/logs.md lists the
//! fields. Whatever others have a hand in stays on its line and moves no cursor.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::node_role::node_name;

/// Starts it for the whole process. The error says what is wrong with the filter.
pub(super) fn start(filter: &str) -> Result<(), String> {
    // What actix says of its workers is of interest to nobody who has not asked for it, and what it says of requests that it does not
    // understand is an error of whoever sent them.
    let quiet = if filter.contains("actix") {
        ""
    } else {
        ",actix_server=warn,actix_http=off"
    };
    let filter: EnvFilter = format!("{filter}{quiet}")
        .parse()
        .map_err(|error| format!("“{filter}” is not a filter ({error}); write e.g. info or warn"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    if io::stderr().is_terminal() {
        log.compact().with_target(false).with_writer(|| OneLine).init();
    } else {
        log.fmt_fields(JsonFields::new())
            .event_format(Json { node: node_name() })
            .with_writer(io::stderr)
            .init();
    }
    Ok(())
}

/// One object: when, what, by whom, then what the surroundings (a request) and the line itself are about.
struct Json {
    node: String,
}

impl<S> FormatEvent<S, JsonFields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Map::new();
        let mut say = |name: &str, value: &str| drop(line.insert(name.to_owned(), value.into()));
        say("timestamp", &time);
        say("level", event.metadata().level().as_str());
        say("message", "");
        say("target", event.metadata().target());
        say("node", &self.node);
        for span in ctx.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>();
            if let Some(Ok(Value::Object(fields))) = fields.map(|fields| serde_json::from_str(fields)) {
                line.extend(fields);
            }
        }
        event.record(&mut Fields(&mut line));
        let text = serde_json::to_string(&line).map_err(|_| std::fmt::Error)?;
        writeln!(writer, "{}", escaped(&text))
    }
}

struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        match field.name() {
            // Of crates that log by other means: which part says it, and places on the machine where it was built.
            "log.target" => drop(self.0.insert("target".to_owned(), value.into())),
            name if name.starts_with("log.") => {}
            name => drop(self.0.insert(name.to_owned(), value.into())),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

/// The same JSON, without a character that a terminal obeys or an editor hides. Such stand in texts only, where an escape says the same.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_plain(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

/// No control character, no end of a line, nothing that changes the direction of what follows or has no width.
fn is_plain(c: char) -> bool {
    let hidden = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !hidden
}

/// Standard error for a terminal: each write is a line and stays one. Escapes in what is written are those of our own colors; those of
/// others were made visible before.
struct OneLine;

impl io::Write for OneLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        let shown: String = text.chars().map(shown).collect();
        io::stderr().write_all(format!("{shown}{end}").as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn shown(c: char) -> char {
    if is_plain(c) || c == '\u{1b}' { c } else { '\u{fffd}' }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\nb\r\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2028}\u{feff}\"}\u{0}😀";

    #[test]
    fn hostile_text_stays_on_its_line_is_printable_and_is_read_back_as_it_was() {
        let json = serde_json::to_string(&Value::from(HOSTILE)).unwrap();

        let text = escaped(&json);

        assert!(text.chars().all(is_plain), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), HOSTILE);
        assert!(text.contains('😀'), "what is harmless is left as it is");
    }

    #[test]
    fn on_a_terminal_nothing_but_our_colors_is_obeyed() {
        let text: String = HOSTILE.chars().map(shown).collect();

        assert!(text.chars().all(|c| is_plain(c) || c == '\u{1b}'), "{text:?}");
        assert!(text.starts_with("a\u{fffd}b"));
    }
}
