//! Ids as programs send them: a JSON number, and for some calls a string of digits.

use serde::{Deserialize, Deserializer, de};

/// For `#[serde(deserialize_with)]` on an id.
pub fn number_or_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Sent {
        Number(i64),
        Text(String),
    }
    let text = match Sent::deserialize(deserializer).map_err(|_| de::Error::custom("an id is a number"))? {
        Sent::Number(number) => number.to_string(),
        Sent::Text(text) => text,
    };
    text.parse().map_err(|_| de::Error::custom("an id is a number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::WebhookId;

    #[derive(Deserialize)]
    struct One {
        #[serde(deserialize_with = "number_or_text")]
        id: WebhookId,
    }

    #[test]
    fn an_id_is_a_number_or_its_digits() {
        let id = |text| serde_json::from_str::<One>(text).map(|one| one.id.0).ok();

        assert_eq!(id(r#"{"id":7}"#), Some(7));
        assert_eq!(id(r#"{"id":"7"}"#), Some(7));
        assert_eq!(id(r#"{"id":"seven"}"#), None);
        assert_eq!(id(r#"{"id":7.5}"#), None);
        assert_eq!(id(r#"{"id":null}"#), None);
    }
}
