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

#[cfg(test)]
mod tests {
    use super::quoted;

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
