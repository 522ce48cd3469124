//! From one page of a list to the next: the newest rows come first, pages go by id, and a filter may stop at a window of rows.

use crate::db::history::Start;

/// Where a page that was read begins and ends.
#[derive(Debug, Clone, Copy)]
pub struct Read<Id> {
    pub start: Start<Id>,
    pub first: Option<Id>,
    pub last: Option<Id>,
    /// There are more in the direction that was asked for.
    pub more: bool,
    /// What lies beyond this was not looked at.
    pub searched_to: Option<Id>,
}

/// The addresses of the pages before and after, empty where there is none.
#[derive(Debug, Default)]
pub struct Ways {
    pub newer: String,
    pub older: String,
    /// Where the filter goes on that stopped at its window of rows; empty when nothing is left to look at.
    pub further: String,
    pub further_words: &'static str,
}

impl<Id: Copy + PartialEq> Read<Id> {
    /// `to` writes the address of the page that begins `before` or `after` an id.
    pub fn ways(&self, to: impl Fn(&'static str, Id) -> String) -> Ways {
        let upwards = self.start.is_upwards();
        // Where we came from there is something; in the direction of reading the query looked one row further.
        let has_newer = if upwards {
            self.more
        } else {
            self.start != Start::Newest
        };
        let has_older = upwards || self.more;
        let beyond = |is_there: bool, edge: Option<Id>, word| {
            edge.filter(|_| is_there).map(|id| to(word, id)).unwrap_or_default()
        };
        let mut ways = Ways {
            newer: beyond(has_newer, self.first, "after"),
            older: beyond(has_older, self.last, "before"),
            further: String::new(),
            further_words: if upwards {
                "Search further on"
            } else {
                "Search further back"
            },
        };
        match self.searched_to {
            Some(edge) if upwards => {
                ways.further = to("after", edge);
                ways.newer.clear();
            }
            Some(edge) => {
                ways.further = to("before", edge);
                ways.older.clear();
            }
            None => {}
        }
        ways
    }
}
