//! Which settings are taken and which are refused.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

fn check(line: &[&str]) -> Result<Config, SettingError> {
    Line::parse_from(std::iter::once(&"t").chain(line)).settings.check()
}

#[test]
fn a_folder_of_static_files_must_be_there() {
    assert!(
        check(&["--static-dir", env!("CARGO_MANIFEST_DIR")])
            .unwrap()
            .static_dir
            .is_some()
    );

    let error = check(&["--static-dir", "/nowhere/at/all"]).unwrap_err();
    assert!(error.to_string().contains("TASKVIEW_STATIC_DIR"), "{error}");
}

#[test]
fn without_any_setting_it_runs_on_a_laptop_and_may_reach_it() {
    let config = check(&[]).unwrap();

    assert!(config.laptop_mode());
    assert!(config.database.is_sqlite());
    assert!(config.allow.allows_loopback());
}

#[test]
fn a_public_address_or_url_or_a_role_ends_laptop_mode_and_closes_loopback() {
    let shared = ["--database-url", "postgres://u@h/n", "--role"];
    for line in [
        &["--listen", "0.0.0.0:80"] as &[&str],
        &["--public-url", "https://t.example"],
        &[&shared[..], &["web"]].concat(),
        &[&shared[..], &["worker"]].concat(),
    ] {
        let config = check(line).unwrap();

        assert!(!config.laptop_mode());
        assert!(!config.allow.allows_loopback());
    }
}

#[test]
fn a_wrong_setting_is_named() {
    assert_eq!(
        check(&["--database-url", "x"]).unwrap_err().setting,
        "TASKVIEW_DATABASE_URL"
    );
    assert_eq!(
        check(&["--public-url", "https://a.example/b"]).unwrap_err().setting,
        "TASKVIEW_PUBLIC_URL"
    );
    let with_password = check(&["--public-url", "https://me:sesame@a.example"]).unwrap_err();
    assert_eq!(with_password.setting, "TASKVIEW_PUBLIC_URL");
    assert!(!with_password.reason.contains("sesame"));
    assert_eq!(
        check(&["--allow-targets", "10.0.0.0/99"]).unwrap_err().setting,
        "TASKVIEW_ALLOW_TARGETS"
    );
    assert_eq!(
        check(&["--trusted-proxies", "10.0.0.1,proxy"]).unwrap_err().setting,
        "TASKVIEW_TRUSTED_PROXIES"
    );
    assert_eq!(check(&["--role", "worker"]).unwrap_err().setting, "TASKVIEW_ROLE");
}
