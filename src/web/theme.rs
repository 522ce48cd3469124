//! Light or dark: the system decides until somebody presses the switch; then a cookie does.

use actix_web::HttpRequest;

pub const COOKIE: &str = "theme";

/// `light`, `dark`, or empty for the system's choice.
pub fn of(request: &HttpRequest) -> &'static str {
    request.cookie(COOKIE).map_or("", |cookie| known(cookie.value()))
}

pub fn known(word: &str) -> &'static str {
    match word {
        "light" => "light",
        "dark" => "dark",
        _ => "",
    }
}
