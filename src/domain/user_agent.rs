//! What a `User-Agent` says, in words for a list of one's own sessions: “Firefox on Linux”, “curl/8.5.0”. Knows the usual browsers and
//! systems and guesses nothing; the header is whatever the client likes to send.

/// Characters of a program's own name that are shown.
const LONGEST: usize = 40;

/// Chromium's relatives name Chrome and Safari too, and Chrome names Safari: the first that is found is it.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Android names Linux, and the phones of Apple name Mac OS X.
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// `None` when it says nothing.
pub fn describe(header: &str) -> Option<String> {
    let first = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(sign, _)| header.contains(sign));
        found.map(|(_, name)| *name)
    };
    // What browsers have in common, and hardly a program: it would name itself.
    if header.starts_with("Mozilla/") {
        let browser = first(&BROWSERS).unwrap_or("Browser");
        return Some(match first(&SYSTEMS) {
            Some(system) => format!("{browser} on {system}"),
            None => browser.to_owned(),
        });
    }
    let product = header.split_whitespace().next()?;
    Some(product.chars().filter(|c| !c.is_control()).take(LONGEST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_browsers_are_told_by_their_names() {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        for (header, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0".to_owned(),
                "Firefox on Linux",
            ),
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/126.0.0.0 Safari/537.36"),
                "Chrome on Windows",
            ),
            (
                format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0"),
                "Edge on Windows",
            ),
            (
                format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {webkit} Chrome/126.0 Safari/537.36 OPR/112.0"),
                "Opera on macOS",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15"
                    .to_owned(),
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile/15E148 Safari/604.1"
                    .to_owned(),
                "Safari on iPhone",
            ),
            (
                format!("Mozilla/5.0 (Linux; Android 14; Pixel 8) {webkit} Chrome/126.0.0.0 Mobile Safari/537.36"),
                "Chrome on Android",
            ),
            (
                format!("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {webkit} Chrome/126.0.0.0 Safari/537.36"),
                "Chrome on ChromeOS",
            ),
            ("Mozilla/5.0 (compatible)".to_owned(), "Browser"),
        ] {
            assert_eq!(describe(&header).as_deref(), Some(expected), "{header}");
        }
    }

    #[test]
    fn a_program_is_called_what_it_calls_itself_and_no_longer() {
        for (header, expected) in [
            ("curl/8.5.0", Some("curl/8.5.0".to_owned())),
            ("python-requests/2.32 extra", Some("python-requests/2.32".to_owned())),
            (&"x".repeat(300), Some("x".repeat(40))),
            ("  ", None),
            ("", None),
        ] {
            assert_eq!(describe(header), expected, "{header}");
        }
    }
}
