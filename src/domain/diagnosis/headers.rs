//! The headers of a delivery, as somebody noted them down.

/// Those that matter to the signatures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `X-Webhook-Signature`
    pub own: Option<String>,
    /// `webhook-signature`; it may name several.
    pub standard: Option<String>,
    pub id: Option<String>,
    /// In Unix seconds.
    pub timestamp: Option<i64>,
}

impl Headers {
    /// Lines as tools print them: `Name: value`, whatever stands before the name (`< `, `-H '`) or around the value (quotes). Others
    /// are passed over. The error is a sentence.
    pub fn read(text: &str) -> Result<Headers, String> {
        let mut headers = Headers::default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once([':', '=']) else {
                continue;
            };
            // Not =, with which base64 ends.
            let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | '<' | '>' | '[' | ']' | '\\');
            let name = name.trim_end_matches(quotes);
            let name = name.rsplit(quotes).next().unwrap_or(name);
            let value = value.trim_matches(quotes);
            match name.to_ascii_lowercase().as_str() {
                "x-webhook-signature" => headers.own = Some(value.to_owned()),
                "webhook-signature" => headers.standard = Some(value.to_owned()),
                "webhook-id" => headers.id = Some(value.to_owned()),
                "webhook-timestamp" => {
                    let seconds = value.parse().map_err(|_| {
                        format!("webhook-timestamp is a number of seconds, and not “{}”.", short(value))
                    })?;
                    headers.timestamp = Some(seconds);
                }
                _ => {}
            }
        }
        Ok(headers)
    }

    /// Why `webhook-signature` came and cannot be checked; a sentence.
    pub fn incomplete(&self) -> Option<&'static str> {
        let half = self.standard.is_some() && (self.id.is_none() || self.timestamp.is_none());
        half.then_some(
            "webhook-signature is checked with webhook-id and webhook-timestamp, and not all three are here.",
        )
    }

    /// How far the clock here is from that of the sender, when that is so far that receivers refuse.
    pub fn clock(&self, now: i64) -> Option<String> {
        const LIMIT: i64 = 5 * 60;
        let off = now.checked_sub(self.timestamp?)?;
        (off.abs() > LIMIT).then(|| {
            let (amount, way) = (off.abs() / 60, if off > 0 { "ago" } else { "ahead" });
            format!(
                "webhook-timestamp is {amount} min {way} by the clock of this machine; receivers that check it refuse more than 5 min."
            )
        })
    }
}

fn short(value: &str) -> String {
    value.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_tools_print_them() {
        let expected = Headers {
            own: Some("sha256=00ff".to_owned()),
            standard: Some("v1,AAAA= v1,BBBB=".to_owned()),
            id: Some("msg_1".to_owned()),
            timestamp: Some(1_700_000_000),
        };
        for text in [
            "X-Webhook-Signature: sha256=00ff\r\nwebhook-signature: v1,AAAA= v1,BBBB=\r\nwebhook-id: msg_1\r\nwebhook-timestamp: 1700000000\r\n\r\n",
            "< POST / HTTP/1.1\n< x-webhook-signature: sha256=00ff\n< Webhook-Signature: v1,AAAA= v1,BBBB=\n< webhook-id: msg_1\n< webhook-timestamp: 1700000000",
            "  'x-webhook-signature': 'sha256=00ff',\n  'webhook-signature': 'v1,AAAA= v1,BBBB=',\n  'webhook-id': 'msg_1',\n  'webhook-timestamp': '1700000000',",
            "curl -H 'X-Webhook-Signature: sha256=00ff' \\\n  -H 'webhook-signature: v1,AAAA= v1,BBBB=' \\\n  -H 'webhook-id: msg_1' \\\n  -H 'webhook-timestamp: 1700000000' \\",
        ] {
            assert_eq!(Headers::read(text), Ok(expected.clone()), "{text}");
        }
        assert_eq!(Headers::read("host: localhost\nnothing"), Ok(Headers::default()));
        assert!(Headers::read("webhook-timestamp: today").is_err());
    }

    #[test]
    fn a_clock_that_is_far_off_is_told() {
        let headers = Headers {
            timestamp: Some(1_000),
            ..Headers::default()
        };

        assert_eq!(headers.clock(1_300), None);
        assert!(headers.clock(1_301).is_some_and(|words| words.contains("5 min ago")));
        assert!(headers.clock(0).is_some_and(|words| words.contains("16 min ahead")));
        assert_eq!(headers.clock(i64::MIN), None);
        assert_eq!(Headers::default().clock(0), None);
    }
}
