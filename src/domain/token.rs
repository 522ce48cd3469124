//! Random strings that stand for a right: sessions, access and refresh tokens, API tokens, the set-up code. Only their hash is stored;
//! 256 bits need no salt and no slow hash.

use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const FOR_PROGRAM: &str = "tvk_";

/// A token as its holder knows it, wiped when it is dropped. `Debug` prints nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    pub fn random(rng: &mut impl Rng) -> Self {
        let random = Zeroizing::new(rng.random::<[u8; 32]>());
        Token(Zeroizing::new(hex::encode(*random)))
    }

    /// An API token: secret scanners and people know it by how it begins.
    pub fn for_program(rng: &mut impl Rng) -> Self {
        let random = Token::random(rng);
        Token(Zeroizing::new(format!("{FOR_PROGRAM}{}", random.expose())))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> Vec<u8> {
        hash(&self.0)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Whether it is an API token, by how it begins.
pub fn is_for_program(shown: &str) -> bool {
    shown.starts_with(FOR_PROGRAM)
}

/// What is stored of a token that somebody showed.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
