//! Which version of the program something is: three numbers, as nodes tell them to each other. What stands behind a `-` is left out.

/// This program's, as `--version` prints it.
pub const OWN: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u16; 3]);

impl Version {
    /// `None` for what is no version.
    pub fn parse(text: &str) -> Option<Version> {
        let mut numbers = text
            .split(['-', '+'])
            .next()?
            .split('.')
            .map(|number| number.parse().ok());
        let version = Version([numbers.next()??, numbers.next()??, numbers.next()??]);
        numbers.next().is_none().then_some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_are_a_version_and_nothing_else_is() {
        for (text, version) in [
            ("0.1.0", Some([0, 1, 0])),
            ("12.34.56-rc.1", Some([12, 34, 56])),
            ("1.2.3+build", Some([1, 2, 3])),
            ("1.2", None),
            ("1.2.3.4", None),
            ("1.2.x", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(text), version.map(Version), "{text}");
        }
        assert!(Version::parse(OWN).is_some());
    }
}
