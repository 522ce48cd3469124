//! The colors that forms offer as swatches: of a project, of a tag.

use crate::domain::project::{COLORS, is_color};

#[derive(Debug)]
pub struct Color {
    /// `#rrggbb`
    pub value: String,
    pub name: &'static str,
    pub chosen: bool,
}

/// Nothing chosen is the first. One that came through the API stays until another is chosen.
pub fn offered(chosen: &str) -> Vec<Color> {
    let chosen = if chosen.is_empty() { COLORS[0].0 } else { chosen };
    let offer = |value: &str, name| Color {
        value: value.to_owned(),
        name,
        chosen: value == chosen,
    };
    let mut colors: Vec<Color> = COLORS.iter().map(|&(value, name)| offer(value, name)).collect();
    if is_color(chosen) && !colors.iter().any(|color| color.chosen) {
        colors.push(offer(chosen, "As it is"));
    }
    colors
}

/// Things side by side are told apart by their color: that of a new one, when there are so many.
pub fn next(so_many: usize) -> &'static str {
    COLORS[so_many % COLORS.len()].0
}
