//! The table of a run: each line is printed when it is known; several runs are summed up as minimum and maximum.

use std::fmt::Write as _;

/// Heading and decimals.
pub type Column = (&'static str, usize);

const NAME_WIDTH: usize = 36;

/// Lines of the same name are the same line of different runs.
pub struct Table {
    columns: Vec<Column>,
    lines: Vec<(String, Vec<Vec<f64>>)>,
    disturbed: bool,
}

impl Table {
    /// Prints the heading.
    pub fn new(columns: &[Column]) -> Table {
        let table = Table {
            columns: columns.to_vec(),
            lines: Vec::new(),
            disturbed: false,
        };
        println!("{}", table.heading(6));
        table
    }

    /// Adds and prints a line; NaN is printed as a dash. `remark` stands behind it.
    pub fn add(&mut self, name: &str, values: &[f64], remark: &str) {
        let cells = values
            .iter()
            .zip(&self.columns)
            .map(|(value, column)| one(*value, column.1));
        println!("{}{remark}", line(name, cells, &self.columns, 6));
        self.disturbed |= !remark.is_empty();
        match self.lines.iter_mut().find(|line| line.0 == name) {
            Some(line) => line.1.push(values.to_vec()),
            None => self.lines.push((name.to_owned(), vec![values.to_vec()])),
        }
    }

    /// With more than one run: the same lines once more, as minimum–maximum.
    pub fn sum_up(&self) {
        let runs = self.lines.iter().map(|line| line.1.len()).max().unwrap_or(0);
        if runs > 1 {
            println!("\nminimum–maximum of {runs} runs\n{}", self.heading(13));
            for (name, runs) in &self.lines {
                let cells = self.columns.iter().enumerate().map(|(index, column)| {
                    let values = || runs.iter().map(|run| run[index]).filter(|value| !value.is_nan());
                    let least = values().fold(f64::NAN, f64::min);
                    let most = values().fold(f64::NAN, f64::max);
                    let (least, most) = (one(least, column.1), one(most, column.1));
                    if least == most {
                        least
                    } else {
                        format!("{least}–{most}")
                    }
                });
                println!("{}", line(name, cells, &self.columns, 13));
            }
        }
        if self.disturbed {
            println!("disturbed: others used more than 5 % of the machine; do not quote such lines");
        }
    }

    fn heading(&self, least: usize) -> String {
        let names = self.columns.iter().map(|column| column.0.to_owned());
        line("", names, &self.columns, least)
    }
}

fn line(name: &str, cells: impl Iterator<Item = String>, columns: &[Column], least: usize) -> String {
    let mut text = format!("{name:<NAME_WIDTH$}");
    for (cell, column) in cells.zip(columns) {
        let width = column.0.chars().count().max(least) + 2;
        let _ = write!(text, "{cell:>width$}");
    }
    text
}

fn one(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        "–".to_owned()
    } else {
        format!("{value:.decimals$}")
    }
}
