//! What may be written about a project: its name, what it is for, and the color of its square. Pages and the API both fill
//! the same patch; what is wrong is told under the names that were sent.

use serde::Deserialize;

use crate::domain::field_error::FieldError;

/// Characters.
pub const MAX_NAME: usize = 200;
/// Characters.
pub const MAX_DESCRIPTION: usize = 5_000;

/// The colors that the form offers, each with a word for those who do not see it. The first is the one of who chooses none.
pub const COLORS: &[(&str, &str)] = &[
    ("#3f6fd1", "Blue"),
    ("#c2762b", "Amber"),
    ("#2f9480", "Teal"),
    ("#a1559b", "Plum"),
    ("#cf4b3f", "Red"),
    ("#6a8f2f", "Moss"),
    ("#7b61c9", "Violet"),
    ("#6b7280", "Slate"),
];

/// A project as a person writes it, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectDraft {
    pub name: String,
    /// Empty when there is none.
    pub description: String,
    /// `#rrggbb`, lower case.
    pub color: String,
}

impl ProjectDraft {
    pub fn blank() -> ProjectDraft {
        ProjectDraft {
            name: String::new(),
            description: String::new(),
            color: COLORS[0].0.to_owned(),
        }
    }
}

/// What somebody sent, unchecked; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[schema(as = ProjectFields)]
#[serde(default)]
pub struct ProjectPatch {
    #[schema(example = "Website", min_length = 1, max_length = 200)]
    pub name: Option<String>,
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    #[schema(example = "#3f6fd1")]
    pub color: Option<String>,
}

impl ProjectPatch {
    /// Whether it can be applied to a project, whichever that is.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let any = ProjectDraft {
            name: "any".to_owned(),
            ..ProjectDraft::blank()
        };
        self.onto(any).map(drop)
    }

    /// The draft with what was given put in its place. All that is wrong is told at once.
    pub fn onto(&self, base: ProjectDraft) -> Result<ProjectDraft, Vec<FieldError>> {
        let mut errors = Vec::new();
        let mut draft = base;
        if let Some(name) = &self.name {
            draft.name = name.trim().to_owned();
            check_length("name", &draft.name, MAX_NAME, &mut errors);
            if draft.name.chars().any(char::is_control) {
                errors.push(FieldError::new(
                    "name",
                    "A name is one line, without control characters.",
                ));
            }
        }
        if draft.name.is_empty() {
            errors.push(FieldError::new("name", "Enter a name."));
        }
        if let Some(description) = &self.description {
            // Browsers send line ends as `\r\n`.
            draft.description = description.trim().replace("\r\n", "\n");
            check_length("description", &draft.description, MAX_DESCRIPTION, &mut errors);
            // PostgreSQL keeps no NUL.
            if draft.description.contains('\0') {
                errors.push(FieldError::new("description", "Control characters are not allowed."));
            }
        }
        if let Some(color) = &self.color {
            match color.trim() {
                "" => COLORS[0].0.clone_into(&mut draft.color),
                color if is_color(color) => draft.color = color.to_ascii_lowercase(),
                _ => errors.push(FieldError::new("color", "A color is written #rrggbb.")),
            }
        }
        if errors.is_empty() { Ok(draft) } else { Err(errors) }
    }
}

pub fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit()))
}

fn check_length(name: &str, text: &str, max: usize, errors: &mut Vec<FieldError>) {
    if text.chars().count() > max {
        errors.push(FieldError::new(name, format!("At most {max} characters.")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(name: &str, description: &str, color: &str) -> ProjectPatch {
        ProjectPatch {
            name: Some(name.into()),
            description: Some(description.into()),
            color: Some(color.into()),
        }
    }

    #[test]
    fn what_is_sent_is_tidied() {
        let draft = patch(" Launch ", "one\r\ntwo\n", "#AABBCC").onto(ProjectDraft::blank());

        let expected = ProjectDraft {
            name: "Launch".into(),
            description: "one\ntwo".into(),
            color: "#aabbcc".into(),
        };
        assert_eq!(draft, Ok(expected));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let errors = patch(" ", &"x".repeat(MAX_DESCRIPTION + 1), "red").onto(ProjectDraft::blank());

        let names: Vec<_> = errors.unwrap_err().into_iter().map(|error| error.name).collect();
        assert_eq!(names, ["name", "description", "color"]);
    }

    #[test]
    fn a_patch_is_checked_without_the_project() {
        assert_eq!(ProjectPatch::default().check(), Ok(()));
        assert!(patch(" ", "", "").check().is_err());
    }

    #[test]
    fn what_is_not_sent_stays() {
        let base = patch("Launch", "why", "#112233").onto(ProjectDraft::blank()).unwrap();

        let renamed = ProjectPatch {
            name: Some("Landing".into()),
            ..ProjectPatch::default()
        };

        let draft = renamed.onto(base.clone()).unwrap();
        assert_eq!((draft.name.as_str(), draft.color.as_str()), ("Landing", "#112233"));
        assert_eq!(ProjectPatch::default().onto(base.clone()), Ok(base));
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let name = "ä".repeat(MAX_NAME);

        assert!(patch(&name, "", "").onto(ProjectDraft::blank()).is_ok());
        assert!(patch(&(name + "ä"), "", "").onto(ProjectDraft::blank()).is_err());
    }

    #[test]
    fn every_offered_color_is_one() {
        assert!(COLORS.iter().all(|(color, _)| is_color(color)));
    }
}
