//! What is wrong with one field of what somebody sent. Pages print it beside the field, the API in `fields`.

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The name that the sender used: `endDate`, `url`.
    #[schema(example = "url")]
    pub name: String,
    /// One sentence for people.
    #[schema(example = "Enter a URL.")]
    pub message: String,
}

impl FieldError {
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        FieldError {
            name: name.into(),
            message: message.into(),
        }
    }

    /// The same of one of many that were sent at once: `[3].data`.
    pub fn of_item(self, place: usize) -> Self {
        FieldError {
            name: format!("[{place}].{}", self.name),
            message: self.message,
        }
    }
}
