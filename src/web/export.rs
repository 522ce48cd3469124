//! A list as a file: CSV for a spreadsheet, or JSON lines for programs. Written piece by piece while it is read, so that its size does
//! not matter to the server.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::error::AppError;
use crate::web::page_error::PageError;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Csv,
    Jsonl,
}

/// The format as the address has it.
#[derive(Debug, Deserialize)]
pub struct As {
    #[serde(default)]
    pub format: Format,
}

impl Format {
    /// Lines of a file; the first piece of a CSV begins with the columns, also when no line follows.
    pub fn lines<L: Serialize>(
        self,
        lines: impl Iterator<Item = L>,
        columns: &[&str],
        is_first: bool,
    ) -> Result<Bytes, AppError> {
        let written = match self {
            Format::Csv => csv_lines(lines, columns, is_first),
            Format::Jsonl => json_lines(lines),
        };
        written.map(Bytes::from)
    }

    /// The answer that a browser saves as `name`. The first piece is there already: afterwards an error can only cut it off.
    pub fn attached(
        self,
        name: &str,
        first: Bytes,
        rest: impl Stream<Item = Result<Bytes, PageError>> + 'static,
    ) -> HttpResponse {
        let (content, ending) = match self {
            Format::Csv => ("text/csv; charset=utf-8", "csv"),
            Format::Jsonl => ("application/jsonl; charset=utf-8", "jsonl"),
        };
        let saved_as = format!("attachment; filename=\"{name}.{ending}\"");
        HttpResponse::Ok()
            .content_type(content)
            .insert_header((header::CONTENT_DISPOSITION, saved_as))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .streaming(stream::iter([Ok(first)]).chain(rest))
    }
}

fn csv_lines<L: Serialize>(
    lines: impl Iterator<Item = L>,
    columns: &[&str],
    has_head: bool,
) -> Result<Vec<u8>, AppError> {
    let refused = |error: csv::Error| AppError::Internal(error.to_string());
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    if has_head {
        writer.write_record(columns).map_err(refused)?;
    }
    for line in lines {
        writer.serialize(line).map_err(refused)?;
    }
    writer
        .into_inner()
        .map_err(|error| AppError::Internal(error.to_string()))
}

fn json_lines<L: Serialize>(lines: impl Iterator<Item = L>) -> Result<Vec<u8>, AppError> {
    let mut written = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut written, &line).map_err(|error| AppError::Internal(error.to_string()))?;
        written.push(b'\n');
    }
    Ok(written)
}

/// A spreadsheet runs what begins like a formula; behind an apostrophe it is text (OWASP, CSV injection). One that divides lines by
/// semicolons or tabs, as those of half of Europe do, ends a cell where we did not, so what stands behind these counts too.
pub fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    for piece in text.split_inclusive([';', '\t', '\r', '\n']) {
        // Some drop what cannot be seen before they look.
        let seen = piece.trim_start_matches(|c: char| c.is_whitespace() || INVISIBLE.contains(&c));
        if seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) {
            safe.push('\'');
        }
        safe.push_str(piece);
    }
    if text.starts_with(['\t', '\r', '\n']) {
        safe.insert(0, '\'');
    }
    safe
}

const INVISIBLE: [char; 5] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}'];

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_a_spreadsheet_would_run_becomes_text() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert!(harmless(formula).starts_with('\''), "{formula}");
        }
        for (text, expected) in [
            ("a=b", "a=b"),
            ("=1+1", "'=1+1"),
            (" =1+1", "' =1+1"),
            ("\u{200b}=1", "'\u{200b}=1"),
            ("Pay;=1+1", "Pay;'=1+1"),
            ("two\n- lines", "two\n'- lines"),
            ("a; b", "a; b"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), expected, "{text:?}");
        }
    }
}
