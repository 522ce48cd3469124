//! The tags that a new project begins with.

/// Name and color (`#rrggbb`).
pub const DEFAULTS: &[(&str, &str)] = &[
    ("bug", "#cf4b3f"),
    ("api", "#3f6fd1"),
    ("ux", "#a1559b"),
    ("launch", "#c2762b"),
    ("docs", "#2f9480"),
];
