//! An attempt as a command for a shell: the same request once more, with the signature that was sent and without what is sealed.

use crate::db::history::Attempt;

/// A longer body is read from a file: nobody wants it in a command, and shells limit what one may hold.
const INLINE: usize = 4 * 1024;

/// For a POSIX shell. Own header values stay `••••`: who has them fills them in.
pub fn command(attempt: &Attempt, headers: &[(String, String)], body: &str) -> String {
    // Without globoff, brackets in a URL are patterns.
    let mut command = format!("curl --globoff -X POST {}", for_shell(&attempt.url));
    for (name, value) in headers {
        // A header with nothing after the colon would be left out.
        let line = if value.is_empty() {
            format!("{name};")
        } else {
            format!("{name}: {value}")
        };
        command.push_str(&format!(" \\\n  -H {}", for_shell(&line)));
    }
    if body.len() <= INLINE {
        command.push_str(&format!(" \\\n  --data-raw {}", for_shell(body)));
    } else {
        command.push_str(" \\\n  --data-binary @body.json");
    }
    command
}

/// Within single quotes a shell reads everything as it is, but for the quote itself.
fn for_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_is_more_than_text_to_a_shell() {
        assert_eq!(for_shell("it's $(id) `id` \"x\" \\"), r#"'it'\''s $(id) `id` "x" \'"#);
    }
}
