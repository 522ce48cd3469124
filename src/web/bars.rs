//! The chart of a webhook's last 24 hours, ready to print: a path for each kind of bar, and the sentence that says the same.
//! One bar an hour; what ended well is solid, what failed stands on it, then what is held; an hour with nothing is a dash.

use std::fmt::Write as _;

use crate::actions::webhooks::{COUNTED, Chart, Hour};
use crate::web::words::thousands;

/// Of the drawing: `viewBox="0 0 118.5 26"`.
const HEIGHT: f64 = 26.0;
const STEP: usize = 5;
const WIDTH: f64 = 3.5;
/// Few among many are still seen.
const LOWEST: f64 = 3.0;
const GAP: f64 = 1.0;

#[derive(Debug, PartialEq, Eq)]
pub struct Bars {
    pub good: String,
    pub bad: String,
    pub held: String,
    pub none: String,
    /// `120 delivered, 3 failed`
    pub words: String,
}

impl Bars {
    /// `used` says whether the webhook has ever sent anything.
    pub fn new(chart: &Chart, used: bool) -> Self {
        let highest = chart.iter().map(Hour::all).max().unwrap_or(0);
        let mut bars = Bars {
            good: String::new(),
            bad: String::new(),
            held: String::new(),
            none: String::new(),
            words: words(chart, used),
        };
        for (place, hour) in chart.iter().enumerate() {
            let x = (place * STEP) as f64;
            if hour.all() == 0 {
                bar(&mut bars.none, x, HEIGHT, WIDTH, 1.5);
                continue;
            }
            let [good, bad, held] = heights(hour, highest);
            let mut y = HEIGHT;
            if good > 0.0 {
                bar(&mut bars.good, x, y, WIDTH, good);
                y -= good + GAP;
            }
            for (path, height) in [(&mut bars.bad, bad), (&mut bars.held, held)] {
                if height > 0.0 {
                    // Their outline is drawn half inside and half outside.
                    bar(path, x + 0.5, y - 0.5, WIDTH - 1.0, height - 1.0);
                    y -= height + GAP;
                }
            }
        }
        bars
    }
}

/// Of the three parts of a bar. The highest bar of the chart takes all the room, gaps included.
fn heights(hour: &Hour, highest: i64) -> [f64; 3] {
    let mut heights = [hour.ok, hour.failed, hour.held].map(|count| match count {
        0 => 0.0,
        some => (some as f64 / highest as f64 * HEIGHT).max(LOWEST),
    });
    let parts = heights.iter().filter(|height| **height > 0.0).count();
    let room = HEIGHT - GAP * parts.saturating_sub(1) as f64;
    let beyond = heights.iter().sum::<f64>() - room;
    if beyond > 0.0
        && let Some(tallest) = heights.iter_mut().max_by(|a, b| a.total_cmp(b))
    {
        *tallest -= beyond;
    }
    heights
}

/// A rectangle that stands on `y`.
fn bar(path: &mut String, x: f64, y: f64, width: f64, height: f64) {
    let tenth = |n: f64| (n * 10.0).round() / 10.0;
    let (x, y, height) = (tenth(x), tenth(y), tenth(height));
    // Writing to a `String` cannot fail.
    let _ = write!(path, "M{x} {y}v-{height}h{width}v{height}z");
}

fn words(chart: &Chart, used: bool) -> String {
    let sum = |of: fn(&Hour) -> i64| chart.iter().map(of).sum::<i64>();
    let counts = [
        (sum(|hour| hour.ok), "delivered"),
        (sum(|hour| hour.failed), "failed"),
        (sum(|hour| hour.held), "held"),
    ];
    let said: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| match *count {
            // What is held is counted no further.
            count if count > COUNTED && *what == "held" => format!("{}+ held", thousands(COUNTED)),
            count => format!("{} {what}", thousands(count)),
        })
        .collect();
    match said.is_empty() {
        true if used => "nothing sent".to_owned(),
        true => "nothing sent yet".to_owned(),
        false => said.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(hours: &[(usize, Hour)]) -> Chart {
        let mut chart = Chart::default();
        for (place, hour) in hours {
            chart[*place] = *hour;
        }
        chart
    }

    fn hour(ok: i64, failed: i64, held: i64) -> Hour {
        Hour { ok, failed, held }
    }

    #[test]
    fn a_webhook_that_sent_nothing_has_a_dash_for_each_hour() {
        let (new, quiet) = (Bars::new(&Chart::default(), false), Bars::new(&Chart::default(), true));

        assert!(
            new.none.starts_with("M0 26v-1.5h3.5v1.5zM5 26v-1.5h3.5v1.5z"),
            "{}",
            new.none
        );
        assert_eq!(new.none.matches('z').count(), 24);
        assert_eq!(
            (new.words.as_str(), quiet.words.as_str()),
            ("nothing sent yet", "nothing sent")
        );
        assert!(new.good.is_empty() && new.bad.is_empty() && new.held.is_empty());
    }

    #[test]
    fn the_busiest_hour_is_as_high_as_the_chart_and_the_others_in_proportion() {
        let bars = Bars::new(&chart(&[(0, hour(100, 0, 0)), (23, hour(50, 0, 0))]), true);

        assert_eq!(bars.good, "M0 26v-26h3.5v26zM115 26v-13h3.5v13z");
        assert_eq!(bars.words, "150 delivered");
        assert_eq!(bars.none.matches('z').count(), 22);
    }

    #[test]
    fn one_failure_among_thousands_is_seen_and_the_bar_stays_in_the_chart() {
        let bars = Bars::new(&chart(&[(1, hour(5_000, 1, 0))]), true);

        assert_eq!(bars.good, "M5 26v-22h3.5v22z");
        assert_eq!(bars.bad, "M5.5 2.5v-2h2.5v2z", "3 high with its outline, up to 0");
        assert_eq!(bars.words, "5,000 delivered, 1 failed");
    }

    #[test]
    fn what_failed_stands_alone_where_nothing_ended_well_and_what_is_held_on_it() {
        let bars = Bars::new(&chart(&[(0, hour(0, 5, 5))]), true);

        assert_eq!(bars.bad, "M0.5 25.5v-12h2.5v12z");
        assert_eq!(bars.held, "M0.5 11.5v-11h2.5v11z");
        assert_eq!(bars.words, "5 failed, 5 held");
    }
}
