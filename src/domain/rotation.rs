//! What the rotation of the master key does next, from what the database knows and which keys are given. Pure: a run that was
//! killed anywhere is taken up by the next one from what it finds.

use std::fmt::Display;

/// The keys of a database and of this process, by their ids.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a, Id> {
    /// Being replaced: they may still seal something.
    pub former: &'a [Id],
    /// Every key that the database has ever known, the current one included.
    pub known: &'a [Id],
    pub retired: &'a [Id],
    pub given: &'a [Id],
    /// Something is sealed under another key than the current one.
    pub leftovers: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<Id> {
    /// A new key is needed first.
    NewKey,
    /// Make this one current, then finish.
    Switch(Id),
    /// Seal what is left under the current key, and retire the others.
    Finish,
    /// Retired keys are still given; they can go.
    Tidy,
    Refuse(String),
}

pub fn next<Id: Copy + PartialEq + Display>(keys: Keys<'_, Id>) -> Next<Id> {
    if !keys.former.is_empty() || keys.leftovers {
        return Next::Finish;
    }
    let new: Vec<Id> = keys
        .given
        .iter()
        .filter(|id| !keys.known.contains(id))
        .copied()
        .collect();
    match new[..] {
        [only] => Next::Switch(only),
        [] if keys.given.iter().any(|id| keys.retired.contains(id)) => Next::Tidy,
        [] => Next::NewKey,
        [..] => {
            let ids: Vec<String> = new.iter().map(Id::to_string).collect();
            Next::Refuse(format!(
                "{} keys are given that this database does not know ({}); leave only the one that shall be its next.",
                ids.len(),
                ids.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(former: &[u8], retired: &[u8], given: &[u8], leftovers: bool) -> Next<u8> {
        let known: Vec<u8> = [former, retired, &[1]].concat();
        next(Keys {
            former,
            known: &known,
            retired,
            given,
            leftovers,
        })
    }

    #[test]
    fn a_rotation_that_has_begun_is_finished_before_anything_else() {
        assert_eq!(after(&[2], &[], &[1, 2], true), Next::Finish);
        assert_eq!(after(&[2], &[], &[1, 2, 3], false), Next::Finish);
        assert_eq!(after(&[], &[2], &[1, 2], true), Next::Finish);
    }

    #[test]
    fn the_one_key_that_the_database_does_not_know_is_its_next() {
        assert_eq!(after(&[], &[], &[1, 3], false), Next::Switch(3));
        assert_eq!(after(&[], &[2], &[3, 1, 2], false), Next::Switch(3));
        assert!(matches!(after(&[], &[], &[1, 3, 4], false), Next::Refuse(why) if why.contains("(3, 4)")));
    }

    #[test]
    fn a_retired_key_never_comes_back_by_itself() {
        assert_eq!(after(&[], &[2], &[2, 1], false), Next::Tidy);
        assert_eq!(after(&[], &[2], &[1], false), Next::NewKey);
    }
}
