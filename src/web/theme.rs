//! Light or dark: the system decides until somebody presses the switch; then a cookie does.

use actix_web::HttpRequest;

use super::cookies;

pub const COOKIE: &str = "theme";

/// `light`, `dark`, or empty for the system's choice.
pub fn of(request: &HttpRequest) -> &'static str {
    cookies::read(request, COOKIE).map_or("", |word| known(&word))
}

pub fn known(word: &str) -> &'static str {
    match word {
        "light" => "light",
        "dark" => "dark",
        _ => "",
    }
}
