//! E-mail addresses, as names of people: they are kept in lower case, so that both databases compare them alike.

/// As it is kept and compared.
pub fn normal(typed: &str) -> String {
    typed.trim().to_lowercase()
}

/// Nothing is ever sent to it, so it must only look like one that people can tell apart.
pub fn check(email: &str) -> Result<(), String> {
    let shown = if email.is_empty() {
        "An empty e-mail".to_owned()
    } else {
        format!("“{email}”")
    };
    let Some((local, domain)) = email.rsplit_once('@') else {
        return Err(format!("{shown} has no @."));
    };
    if local.is_empty() || email.len() > 320 || email.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!("{shown} is not an e-mail address."));
    }
    if !domain.contains('.') || domain.starts_with('.') || domain.ends_with('.') {
        return Err(format!("{shown} has no domain ending, such as example.com."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_apart_as_an_address_is_refused_in_words() {
        for (email, complaint) in [
            ("", "An empty e-mail has no @."),
            ("bob", "“bob” has no @."),
            ("@example.com", "is not an e-mail address"),
            ("bo b@example.com", "is not an e-mail address"),
            ("bob@example", "has no domain ending"),
            ("bob@.com", "has no domain ending"),
        ] {
            let refused = check(email);
            assert!(
                matches!(&refused, Err(words) if words.contains(complaint)),
                "{email}: {refused:?}"
            );
        }
        assert_eq!(check(&normal(" Bob@Example.com ")), Ok(()));
    }
}
