//! What may be written about a tag, and the tags that a new project begins with.

use super::field_error::FieldError;
use super::project::is_color;

/// Name and color (`#rrggbb`).
pub const DEFAULTS: &[(&str, &str)] = &[
    ("bug", "#cf4b3f"),
    ("api", "#3f6fd1"),
    ("ux", "#a1559b"),
    ("launch", "#c2762b"),
    ("docs", "#2f9480"),
];

const MAX_NAME: usize = 50;

/// A tag that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagDraft {
    pub name: String,
    /// `#rrggbb`, in lower case.
    pub color: String,
}

impl TagDraft {
    pub fn check(name: &str, color: &str) -> Result<TagDraft, Vec<FieldError>> {
        let (name, color) = (name.trim(), color.trim());
        let mut errors = Vec::new();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            errors.push(FieldError::new(
                "name",
                format!("A name has 1 to {MAX_NAME} characters."),
            ));
        }
        if !is_color(color) {
            errors.push(FieldError::new("color", "A color is written #rrggbb."));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(TagDraft {
            name: name.to_owned(),
            color: color.to_ascii_lowercase(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_a_short_name_and_a_color() {
        let wrong = |name: &str, color: &str| -> Vec<String> {
            let errors = TagDraft::check(name, color).err().unwrap_or_default();
            errors.into_iter().map(|error| error.name).collect()
        };

        assert_eq!(
            TagDraft::check(" bug ", "#ABCDEF"),
            Ok(TagDraft {
                name: "bug".into(),
                color: "#abcdef".into()
            })
        );
        assert_eq!(wrong("", "red"), ["name", "color"]);
        assert_eq!(wrong(&"ä".repeat(50), "#000000"), [""; 0]);
        assert_eq!(wrong(&"ä".repeat(51), "#000000"), ["name"]);
        assert_eq!(wrong("a\nb", "#00000"), ["name", "color"]);
    }
}
