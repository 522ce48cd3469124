//! Headers of a webhook's own, which its receiver asks for: `Authorization`, a tenant's id. Their values are as secret as the
//! webhook's secret; what is shown of them is the name and [`MASK`].

use zeroize::Zeroizing;

use crate::domain::field_error::FieldError;
use crate::domain::quoted::quoted;

/// Headers of one webhook.
pub const MOST: usize = 10;
/// Bytes.
const LONGEST_NAME: usize = 100;
/// Bytes.
const LONGEST_VALUE: usize = 2_000;
/// Stands for a value that is not shown. Given back, it keeps the value.
pub const MASK: &str = "••••";
/// What forms and calls call the field.
pub const FIELD: &str = "headers";

/// What is between two hops, and what we say ourselves.
const TAKEN: [&str; 12] = [
    "connection",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];
const TAKEN_PREFIXES: [&str; 3] = ["content-", "webhook-", "x-webhook-"];

/// One header. `Debug` prints nothing of the value.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OwnHeader {
    pub name: String,
    pub value: Zeroizing<String>,
}

impl std::fmt::Debug for OwnHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {MASK}", self.name)
    }
}

/// A header as somebody gives it. Without a value it keeps the one that is stored.
#[derive(Clone)]
pub struct Given {
    pub name: String,
    pub value: Option<Zeroizing<String>>,
}

impl Given {
    pub fn new(name: &str, value: Option<&str>) -> Given {
        let value = value.map(str::trim).filter(|value| *value != MASK);
        Given {
            name: name.trim().to_owned(),
            value: value.map(|value| Zeroizing::new(value.to_owned())),
        }
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {MASK}", self.name)
    }
}

/// A form's field: a header a line, `Name: value`. A line without a colon becomes a name that no header has.
pub fn lines(text: &str) -> Vec<Given> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| match line.split_once(':') {
            Some((name, value)) => Given::new(name, Some(value)),
            None => Given::new(line, Some("")),
        })
        .collect()
}

/// What is wrong with these by themselves.
pub fn check(given: &[Given]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if given.len() > MOST {
        errors.push(FieldError::new(FIELD, format!("At most {MOST} headers.")));
        return errors;
    }
    for (place, header) in given.iter().enumerate() {
        let twice = given[..place]
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&header.name));
        let wrong = if twice {
            Some("It is there twice.".to_owned())
        } else {
            wrong_name(&header.name).or_else(|| wrong_value(header.value.as_deref()?))
        };
        if let Some(wrong) = wrong {
            let name: String = header.name.chars().take(LONGEST_NAME).collect();
            errors.push(FieldError::new(FIELD, format!("{}: {wrong}", quoted(&name))));
        }
    }
    errors
}

/// With the stored values in the place of those that are to be kept.
pub fn resolve(given: &[Given], stored: &[OwnHeader]) -> Result<Vec<OwnHeader>, Vec<FieldError>> {
    let mut errors = check(given);
    let mut resolved = Vec::with_capacity(given.len());
    for header in given {
        let kept = || stored.iter().find(|one| one.name.eq_ignore_ascii_case(&header.name));
        match header.value.clone().or_else(|| kept().map(|one| one.value.clone())) {
            Some(value) => resolved.push(OwnHeader {
                name: header.name.clone(),
                value,
            }),
            None => {
                let sentence = format!("“{}”: There is no value to keep; enter one.", header.name);
                errors.push(FieldError::new(FIELD, sentence));
            }
        }
    }
    if errors.is_empty() { Ok(resolved) } else { Err(errors) }
}

fn wrong_name(name: &str) -> Option<String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_token) {
        let sentence = "A header is written Name: value; the name has letters, digits and hyphens.";
        return Some(sentence.to_owned());
    }
    let lower = name.to_ascii_lowercase();
    let taken = TAKEN.contains(&lower.as_str()) || TAKEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix));
    taken.then(|| "This header is set by the program or by the connection; choose another one.".to_owned())
}

fn wrong_value(value: &str) -> Option<String> {
    if value.is_empty() {
        return Some("Enter a value.".to_owned());
    }
    if value.len() > LONGEST_VALUE {
        return Some(format!("A value has at most {LONGEST_VALUE} characters."));
    }
    let visible = value.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t');
    (!visible).then(|| "A value is one line of ASCII characters.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        check(&lines(text)).into_iter().map(|error| error.message).collect()
    }

    #[test]
    fn headers_that_receivers_ask_for_are_taken_as_they_are_written() {
        let given = lines("Authorization: Bearer a:b \r\n\n X-Tenant:7\nAccept: text/plain");

        assert_eq!(check(&given), []);
        let headers = resolve(&given, &[]).unwrap();
        let pairs: Vec<_> = headers
            .iter()
            .map(|one| (one.name.as_str(), one.value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("Authorization", "Bearer a:b"),
                ("X-Tenant", "7"),
                ("Accept", "text/plain")
            ]
        );
    }

    #[test]
    fn what_is_no_header_or_not_theirs_to_set_is_refused() {
        for (text, part) in [
            ("Authorization", "Enter a value"),
            ("no header", "written Name: value"),
            (": x", "written Name: value"),
            ("Näme: x", "written Name: value"),
            ("X-A b: x", "written Name: value"),
            ("Host: example.com", "set by the program"),
            ("connection: close", "set by the program"),
            ("Transfer-Encoding: chunked", "set by the program"),
            ("Content-Type: text/plain", "set by the program"),
            ("content-anything: 1", "set by the program"),
            ("Webhook-Id: 1", "set by the program"),
            ("X-Webhook-Signature: 1", "set by the program"),
            ("User-Agent: me", "set by the program"),
            ("X-A:", "Enter a value"),
            ("X-A: ü", "ASCII"),
            ("X-A: a\u{7f}", "ASCII"),
            ("X-A: 1\nx-a: 2", "twice"),
        ] {
            let told = told(text);
            assert!(told.len() == 1 && told[0].contains(part), "{text}: {told:?}");
        }
        let eleven: String = (0..11).map(|number| format!("X-{number}: 1\n")).collect();
        assert_eq!(told(&eleven), ["At most 10 headers."]);
        assert_eq!(told(&format!("X-A: {}", "x".repeat(LONGEST_VALUE))), [""; 0]);
        assert_eq!(told(&format!("X-A: {}", "x".repeat(LONGEST_VALUE + 1))).len(), 1);
        assert_eq!(check(&[Given::new("X-A", Some("1\r\nX-B: 2"))]).len(), 1);
    }

    #[test]
    fn a_mask_keeps_what_is_stored_and_nothing_else() {
        let stored = resolve(&lines("Authorization: old\nX-Gone: 1"), &[]).unwrap();

        let kept = resolve(&lines("authorization: ••••\nX-New: 2"), &stored).unwrap();
        let missing = resolve(&[Given::new("X-Other", None)], &stored).unwrap_err();

        assert_eq!(kept[0].value.as_str(), "old");
        assert_eq!((kept.len(), kept[1].name.as_str()), (2, "X-New"));
        assert!(missing[0].message.contains("no value to keep"));
        assert!(!format!("{kept:?}{:?}", lines("X-A: sesame")).contains("sesame"));
    }
}
