//! Whether the time of a wrong sign-in tells if there is such an account: names that nobody has, logins, e-mails and disabled accounts, in
//! turn, each try from an address of its own, so that the limits of tries do not answer instead.

use std::time::Instant;

use rand::seq::SliceRandom;
use serde_json::json;

use crate::Common;
use crate::http::{Connection, request};
use crate::node;
use crate::report::{Column, Table};
use crate::stage::Stage;

/// More than this from everywhere and an account is slowed down.
const MOST: usize = 95;

#[derive(clap::Args)]
pub struct SignIn {
    /// Tries of each kind; an account that fails a hundred times is slowed down, and nothing is measured any more
    #[arg(long, default_value_t = MOST as u32, value_parser = clap::value_parser!(u32).range(1..=MOST as i64))]
    tries: u32,
}

/// What is typed, and what it is called.
const KINDS: [(&str, &str); 5] = [
    ("nobody", "a name that nobody has"),
    ("nobody@example.com", "an e-mail that nobody has"),
    ("ada", "a login"),
    ("bob@example.com", "an e-mail"),
    ("off", "a disabled account"),
];

const COLUMNS: &[Column] = &[
    ("least ms", 2),
    ("p10 ms", 2),
    ("median ms", 2),
    ("p90 ms", 2),
    ("mean ms", 2),
    ("tries", 0),
];

pub async fn run(common: &Common, options: &SignIn) -> usize {
    let mut table = Table::new(COLUMNS);
    for _ in 0..common.runs {
        once(common, options, &mut table).await;
    }
    table.sum_up();
    0
}

async fn once(common: &Common, options: &SignIn, table: &mut Table) {
    let mut stage = Stage::fresh(common);
    for login in ["ada", "bob", "off"] {
        node::add_account(&stage.database, login);
    }
    node::disable(&stage.database, "off");
    stage.start(&[
        ("TASKVIEW_PUBLIC_URL", "http://127.0.0.1"),
        ("TASKVIEW_TRUSTED_PROXIES", "127.0.0.1"),
    ]);
    let mut connection = Connection::open(stage.nodes[0].port())
        .await
        .expect("the server answers");
    let mut times = [const { Vec::new() }; KINDS.len()];
    let mut order: Vec<usize> = (0..KINDS.len()).collect();
    let mut address = 0u32;
    // The first round warms everything up.
    for round in 0..=options.tries {
        order.shuffle(&mut rand::rng());
        for &kind in &order {
            address += 1;
            let from = std::net::Ipv4Addr::from(0x0a00_0000 + address);
            let from = format!("X-Forwarded-For: {from}\r\n");
            let body = json!({ "login": KINDS[kind].0, "password": "not the password" }).to_string();
            let began = Instant::now();
            let answer = connection
                .ask(&request("POST", "/module/auth/login", &from, &body))
                .await;
            let status = answer.expect("an answer").status();
            let took = began.elapsed().as_secs_f64() * 1e3;
            assert_eq!(status, 400, "{}", KINDS[kind].1);
            if round > 0 {
                times[kind].push(took);
            }
        }
    }
    for ((_, name), times) in KINDS.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times[((times.len() - 1) as f64 * part).round() as usize];
        let mean = times.iter().sum::<f64>() / times.len() as f64;
        table.add(
            name,
            &[at(0.0), at(0.1), at(0.5), at(0.9), mean, times.len() as f64],
            "",
        );
    }
    stage.stop();
}
