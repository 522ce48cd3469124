//! The address under which people reach the server, as an operator has written it.

use url::Url;

use crate::config::SettingError;

/// What was given for the public URL, so that it can be shown: without what stands before an `@`, which may be a password, however
/// crooked the rest is.
pub fn without_password(given: &str) -> String {
    let Some(at) = given.rfind('@') else {
        return given.to_owned();
    };
    let scheme = ["https://", "http://"]
        .into_iter()
        .find(|scheme| given.starts_with(scheme));
    format!("{}••••{}", scheme.unwrap_or_default(), &given[at..])
}

/// An origin, and nothing secret in it.
pub fn check(text: &str) -> Result<Url, SettingError> {
    let refuse = |reason: String| SettingError {
        setting: "TASKVIEW_PUBLIC_URL",
        reason,
    };
    let shown = without_password(text);
    let url = Url::parse(text).map_err(|error| {
        refuse(format!(
            "“{shown}” is not a URL ({error}); write it like https://tasks.example.com"
        ))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(format!(
            "“{shown}” must not hold a user or a password: people would see them in their links"
        )));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(refuse(format!(
            "“{shown}” must begin with http:// or https:// and name a host"
        )));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(format!(
            "“{shown}” must be an address without a path, such as https://tasks.example.com"
        )));
    }
    Ok(url)
}
