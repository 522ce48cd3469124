//! Somebody's text inside a sentence of ours.

/// In quotes, for what may be any words.
pub fn quoted(text: &str) -> String {
    format!("“{}”", unturned(text))
}

/// Without the characters that turn the direction of what follows: the rest of the sentence is ours.
pub fn unturned(text: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|c| !turns(c)).collect()
}

/// With the characters spelled out that turn the direction or cannot be seen, for who compares two texts; joiners are part of
/// words and stay.
pub fn spelled(text: &str) -> String {
    let hidden = |c: char| {
        matches!(
            c,
            '\u{AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
        )
    };
    let mut spelled = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) {
            spelled += &format!("[U+{:04X}]", u32::from(c));
        } else {
            spelled.push(c);
        }
    }
    spelled
}

#[cfg(test)]
mod tests {
    use super::{quoted, spelled};

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(spelled("in\u{200B}visible\u{202E}"), "in[U+200B]visible[U+202E]");
        assert_eq!(spelled("\u{1F469}\u{200D}\u{1F467}"), "\u{1F469}\u{200D}\u{1F467}");
    }

    #[test]
    fn what_turns_the_direction_stays_out_and_everything_else_stays_in() {
        let cases = [
            ("Website", "“Website”"),
            ("photo\u{202E}gnp.exe", "“photognp.exe”"),
            ("\u{2067}\u{202E}\u{2066}open", "“open”"),
            (
                "\u{645}\u{631}\u{62D}\u{628}\u{627}",
                "“\u{645}\u{631}\u{62D}\u{628}\u{627}”",
            ),
            ("\u{1F469}\u{200D}\u{1F467}", "“\u{1F469}\u{200D}\u{1F467}”"),
        ];

        for (text, sentence) in cases {
            assert_eq!(quoted(text), sentence);
        }
    }
}
