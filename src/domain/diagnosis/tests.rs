//! Every mistake, made as receivers make it, and what is said of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Mistake::*;
use super::*;
use crate::domain::signature::{body_signature, hmac, standard_signature};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAAA=";
const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDAAAAAAAAAAA=";
const BODY: &[u8] = br#"{"event":"task.created","task":{"z":1,"a":"/"}}"#;
const ID: &str = "msg_1";
const TIME: i64 = 1_700_000_000;

/// What the server sends, signed with `secret`.
fn sent(secret: &str) -> Headers {
    let secret = Secret::parse(secret).expect("a secret");
    Headers {
        own: Some(body_signature(&secret, BODY)),
        standard: Some(standard_signature(&secret, ID, TIME, BODY)),
        id: Some(ID.to_owned()),
        timestamp: Some(TIME),
    }
}

fn found(secret: &str, body: &[u8], headers: &Headers, computed: Option<&str>) -> Diagnosis {
    diagnose(&Claim {
        secret,
        old_secret: Some(OLD),
        body,
        headers,
        computed,
    })
}

fn verdict(mistakes: &[Mistake]) -> Result<(), Mistakes> {
    Mistakes::of(mistakes.to_vec())
}

#[test]
fn what_is_wrong_with_the_secret_or_the_body_at_hand_is_named_for_both_headers() {
    let spaced = br#"{ "event": "task.created", "task": {"z": 1, "a": "/"} }"#;
    let escaped = br#"{"event":"task.created","task":{"z":1,"a":"\/"}}"#;
    let less = br#"{"event":"task.created","task":{"z":1}}"#;
    let other = format!("whsec_{}", "A".repeat(32));
    let hex = "0".repeat(64);
    let line = [BODY, b"\n"].concat();
    let windows_line = [BODY, b"\r\n"].concat();
    let with_space = format!(" {SECRET}\n");

    let table: [(&str, &[u8], &[Mistake]); 14] = [
        (SECRET, BODY, &[]),
        (&with_space, BODY, &[SpaceAroundSecret]),
        (SECRET.trim_start_matches("whsec_"), BODY, &[PrefixDropped]),
        (SECRET.trim_end_matches('='), BODY, &[PaddingDropped]),
        (SECRET, &line, &[LineEndAdded]),
        (SECRET, &windows_line, &[LineEndAdded]),
        (SECRET, spaced, &[WrittenAgain]),
        (SECRET, escaped, &[WrittenAgain]),
        (&with_space, &line, &[SpaceAroundSecret, LineEndAdded]),
        (&with_space, spaced, &[SpaceAroundSecret, WrittenAgain]),
        (SECRET, less, &[Other]),
        (SECRET, b"", &[Other]),
        (&other, BODY, &[Other]),
        (&hex, BODY, &[Other]),
    ];
    for (secret, body, expected) in table {
        let diagnosis = found(secret, body, &sent(SECRET), None);

        let of_both = [Header::Own, Header::Standard].map(|header| (header, verdict(expected)));
        assert_eq!(
            diagnosis.received,
            of_both,
            "{secret} {}",
            String::from_utf8_lossy(body)
        );
        assert_eq!(diagnosis.computed, None);
    }
    let none = Claim {
        secret: "whsec_",
        old_secret: None,
        body: BODY,
        headers: &sent(SECRET),
        computed: None,
    };
    assert_eq!(diagnose(&none).received[0].1, verdict(&[NotASecret]));
    let rotated = found(SECRET, BODY, &sent(OLD), None);
    assert_eq!(rotated.received[0].1, verdict(&[SignedWithOld]));
    assert_eq!(rotated.received[1].1, verdict(&[SignedWithOld]));
}

#[test]
fn a_line_end_that_was_sent_and_is_gone_is_named() {
    let secret = Secret::parse(SECRET).expect("a secret");
    let headers = Headers {
        own: Some(body_signature(&secret, &[BODY, b"\n"].concat())),
        ..Headers::default()
    };

    let diagnosis = found(SECRET, BODY, &headers, None);

    assert_eq!(diagnosis.received, [(Header::Own, verdict(&[LineEndDropped]))]);
}

#[test]
fn another_spelling_of_a_header_is_told_from_a_wrong_one() {
    let right = sent(SECRET);
    let (own, standard) = (right.own.clone().expect("one"), right.standard.clone().expect("one"));
    let table: [(String, String, &[Mistake]); 3] = [
        (
            own.replace("sha256=", ""),
            standard.replace("v1,", ""),
            &[AnotherFormat],
        ),
        (own.clone(), format!("v1,AAAA {standard}"), &[]),
        ("sha256=00".to_owned(), "v1,AAAA".to_owned(), &[Other]),
    ];
    for (own, standard, expected) in table {
        let headers = Headers {
            own: Some(own),
            standard: Some(standard),
            ..right.clone()
        };
        for (_, result) in found(SECRET, BODY, &headers, None).received {
            assert_eq!(result, verdict(expected));
        }
    }
    let loud = Headers {
        own: Some(own.replace("sha256=", "").to_uppercase()),
        ..Headers::default()
    };
    assert_eq!(
        found(SECRET, BODY, &loud, None).received[0].1,
        verdict(&[AnotherFormat])
    );
}

#[test]
fn how_a_receiver_comes_to_its_value_is_named_for_both_headers() {
    let shown = SECRET.as_bytes();
    let bare = SECRET.trim_start_matches("whsec_");
    let decoded = STANDARD.decode(bare).expect("base64");
    // What Buffer.from(secret, 'base64') makes of it in Node.js.
    let with_prefix = STANDARD
        .decode("whsec/MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAAAAAAAAAA")
        .expect("base64");
    let full = format!("{ID}.{TIME}.");
    let hex = |key: &[u8], parts: &[&[u8]]| format!("sha256={}", hex::encode(hmac(key, parts)));
    let b64 = |key: &[u8], parts: &[&[u8]]| format!("v1,{}", STANDARD.encode(hmac(key, parts)));
    let python = br#"{"event": "task.created", "task": {"z": 1, "a": "/"}}"#;
    let php = br#"{"event":"task.created","task":{"z":1,"a":"\/"}}"#;
    let go = br#"{"event":"task.created","task":{"a":"/","z":1}}"#;
    let line: &[u8] = &[shown, b"\n"].concat();
    let sha256 = {
        use sha2::{Digest as _, Sha256};
        hex::encode(Sha256::new().chain_update(shown).chain_update(BODY).finalize())
    };
    let full = full.as_bytes();

    let own: [(String, &[Mistake]); 17] = [
        (hex(shown, &[BODY]), &[]),
        (hex(bare.as_bytes(), &[BODY]), &[KeyWithoutPrefix]),
        (hex(&decoded, &[BODY]), &[KeyDecoded]),
        (hex(&with_prefix, &[BODY]), &[KeyDecodedWithPrefix]),
        (hex(line, &[BODY]), &[KeyWithLineEnd]),
        (hex(shown, &[full, BODY]), &[SignedForTheOther]),
        (hex(shown, &[BODY, b"\n"]), &[LineEndAdded]),
        (hex(shown, &[python]), &[WrittenAgain]),
        (hex(shown, &[php]), &[WrittenAgain]),
        (hex(shown, &[go]), &[WrittenAgain]),
        (hex(&decoded, &[python]), &[KeyDecoded, WrittenAgain]),
        (hex(OLD.as_bytes(), &[BODY]), &[OldSecret]),
        (hex(shown, &[BODY]).replace("sha256=", ""), &[StartMissing]),
        (
            hex(shown, &[BODY]).replace("sha256=", "").to_uppercase(),
            &[UpperCase, StartMissing],
        ),
        (b64(shown, &[BODY]).replace("v1,", "sha256="), &[Base64ForHex]),
        (format!("sha256={sha256}"), &[PlainHash]),
        (hex(bare.as_bytes(), &[BODY, b"\n"]), &[KeyWithoutPrefix, LineEndAdded]),
    ];
    let standard: [(String, &[Mistake]); 11] = [
        (b64(&decoded, &[full, BODY]), &[]),
        (b64(shown, &[full, BODY]), &[KeyNotDecoded]),
        (b64(bare.as_bytes(), &[full, BODY]), &[KeyNotDecoded]),
        (b64(&with_prefix, &[full, BODY]), &[KeyDecodedWithPrefix]),
        (b64(&decoded, &[BODY]), &[BodyAlone]),
        (b64(&decoded, &[format!("{TIME}.").as_bytes(), BODY]), &[IdLeftOut]),
        (b64(&decoded, &[format!("{ID}.").as_bytes(), BODY]), &[TimestampLeftOut]),
        (b64(&decoded, &[format!("{ID}{TIME}").as_bytes(), BODY]), &[DotsLeftOut]),
        (b64(&decoded, &[full, python]), &[WrittenAgain]),
        (b64(&decoded, &[full, BODY]).replace("v1,", ""), &[StartMissing]),
        (hex(&decoded, &[full, BODY]).replace("sha256=", "v1,"), &[HexForBase64]),
    ];
    let all = own
        .into_iter()
        .map(|(value, expected)| (Header::Own, value, expected))
        .chain(
            standard
                .into_iter()
                .map(|(value, expected)| (Header::Standard, value, expected)),
        );
    for (header, value, expected) in all {
        let diagnosis = found(SECRET, BODY, &sent(SECRET), Some(&value));

        let expected = match verdict(expected) {
            Ok(()) => Computed::Right(header),
            Err(mistakes) => Computed::Wrong(header, mistakes),
        };
        assert_eq!(diagnosis.computed, Some(expected), "{value}");
        assert!(diagnosis.received.iter().all(|(_, result)| result.is_ok()));
    }
}

#[test]
fn what_is_no_code_of_ours_is_told_from_a_wrong_one() {
    let nobody = |value: &str| found(SECRET, BODY, &sent(SECRET), Some(value)).computed;

    assert!(matches!(nobody("?"), Some(Computed::NoCode(words)) if words.contains("neither")));
    assert!(matches!(nobody(&"0".repeat(40)), Some(Computed::NoCode(words)) if words.contains("SHA-1")));
    assert!(matches!(nobody("sha256=00ff"), Some(Computed::NoCode(words)) if words.contains("Copy it whole")));
    assert_eq!(nobody(&"0".repeat(64)), Some(Computed::Unknown));
    assert_eq!(nobody("  "), None);
}

#[test]
fn a_value_computed_over_the_damaged_body_that_is_at_hand_is_explained() {
    let held = [BODY, b"\n"].concat();
    let value = format!("sha256={}", hex::encode(hmac(SECRET.as_bytes(), &[&held])));

    let diagnosis = found(SECRET, &held, &sent(SECRET), Some(&value));

    assert_eq!(diagnosis.received[0].1, verdict(&[LineEndAdded]));
    assert!(
        matches!(&diagnosis.computed, Some(Computed::Wrong(Header::Own, mistakes)) if mistakes.is(AnotherBody)),
        "{diagnosis:?}"
    );
    assert!(
        diagnosis
            .computed
            .expect("one")
            .sentence()
            .contains("X-Webhook-Signature")
    );
}

#[test]
fn without_headers_a_value_is_explained_by_the_secret_and_the_body_alone() {
    let value = body_signature(&Secret::parse(SECRET).expect("a secret"), BODY);

    let diagnosis = found(SECRET, BODY, &Headers::default(), Some(&value));

    assert_eq!(diagnosis.received, []);
    assert_eq!(diagnosis.computed, Some(Computed::Right(Header::Own)));
}

#[test]
fn what_a_plain_check_refuses_does_not_verify() {
    let Headers {
        own: Some(own),
        standard: Some(standard),
        ..
    } = sent(SECRET)
    else {
        panic!("both signatures")
    };
    let several = Headers {
        own: Some(format!("sha256=00 {own}")),
        standard: Some(format!("v1,AAAA {standard}")),
        ..sent(SECRET)
    };
    let odd_blanks = Headers {
        own: Some(format!("\u{a0}{own}")),
        standard: Some(format!("{standard}\u{2003}")),
        ..sent(SECRET)
    };

    let of_several = found(SECRET, BODY, &several, None).received;
    let of_odd_blanks = found(SECRET, BODY, &odd_blanks, None).received;

    assert_eq!(
        of_several[0],
        (Header::Own, verdict(&[Other])),
        "only one is in this header"
    );
    assert_eq!(of_several[1], (Header::Standard, Ok(())));
    assert!(
        of_odd_blanks.iter().all(|(_, result)| result.is_err()),
        "{of_odd_blanks:?}"
    );
}

#[test]
fn base64_without_its_padding_or_of_the_other_alphabet_is_not_the_right_value() {
    let standard = sent(SECRET).standard.expect("a signature");
    let url_safe = standard.replace('+', "-").replace('/', "_");

    for computed in [standard.trim_end_matches('='), url_safe.trim_end_matches('=')] {
        let diagnosis = found(SECRET, BODY, &sent(SECRET), Some(computed));

        let mistakes = Mistakes::one(AnotherFormat);
        assert_eq!(
            diagnosis.computed,
            Some(Computed::Wrong(Header::Standard, mistakes)),
            "{computed}"
        );
    }
}
