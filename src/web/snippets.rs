//! Code that checks signatures, for those who write receivers: the files of `snippets/`, word for word. A test runs each of
//! them against real deliveries.

/// A file in one language, and what to do with it.
#[derive(Debug)]
pub struct Snippet {
    pub language: &'static str,
    pub file: &'static str,
    /// In front of `run`.
    pub then: &'static str,
    pub run: &'static str,
    pub text: &'static str,
}

const RUN: &str = "Run it with your secret, and it receives on http://localhost:4545:";

/// In the order of the tabs.
pub static SNIPPETS: [Snippet; 6] = [
    Snippet {
        language: "Node.js",
        file: "verify.js",
        then: RUN,
        run: "WEBHOOK_SECRET='whsec_…' node verify.js",
        text: include_str!("../../snippets/verify.js"),
    },
    Snippet {
        language: "Python",
        file: "verify.py",
        then: RUN,
        run: "WEBHOOK_SECRET='whsec_…' python3 verify.py",
        text: include_str!("../../snippets/verify.py"),
    },
    Snippet {
        language: "Go",
        file: "verify.go",
        then: RUN,
        run: "WEBHOOK_SECRET='whsec_…' go run verify.go",
        text: include_str!("../../snippets/verify.go"),
    },
    Snippet {
        language: "Rust",
        file: "verify.rs",
        then: "It is a module for the server that you have; it needs",
        run: "cargo add hmac@0.13 sha2@0.11 base64@0.22 hex@0.4",
        text: include_str!("../../snippets/verify.rs"),
    },
    Snippet {
        language: "PHP",
        file: "verify.php",
        then: RUN,
        run: "WEBHOOK_SECRET='whsec_…' php -S 127.0.0.1:4545 verify.php",
        text: include_str!("../../snippets/verify.php"),
    },
    Snippet {
        language: "Shell",
        file: "verify.sh",
        then: "It checks a delivery that you saved, with openssl:",
        run: "WEBHOOK_SECRET='whsec_…' sh verify.sh body.json headers.txt",
        text: include_str!("../../snippets/verify.sh"),
    },
];
