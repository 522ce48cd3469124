//! The integration tests, one binary: they enter by the front door and talk HTTP to the real program on port 0.
//! `TEST_DATABASE` (`sqlite`, the default, or `postgres`) chooses what they run on; `scripts/test` runs them on both.

#![allow(
    clippy::unwrap_used,
    reason = "a test whose helper unwraps in vain has failed, which is right"
)]

mod support;

mod actions_invitations;
mod actions_members;
mod actions_projects;
mod api_auth;
mod api_collaboration;
mod api_events;
mod api_goals;
mod api_tags;
mod api_tasks;
mod api_token_scopes;
mod api_tokens;
mod api_walk;
mod api_webhooks;
mod architecture;
mod audit_migration;
mod audit_routes;
mod authorization;
mod browser_side;
mod command_line;
mod crash;
mod db_claims;
mod db_conformance;
mod db_resend_runs;
mod db_slices;
mod delivery_engine;
mod delivery_outcomes;
mod delivery_retries;
mod delivery_sender;
mod delivery_targets;
mod faults_postgres;
mod faults_sqlite;
mod first_start;
mod hostile_receivers;
mod interleavings;
mod key_rotation;
mod key_startup;
mod key_steps;
mod limits;
mod listen;
mod logs;
mod metrics;
mod migrations_agree;
mod nodes;
mod nodes_lost;
mod pages_api_tokens;
mod pages_audit;
mod pages_banner;
mod pages_deliveries;
mod pages_diagnosis;
mod pages_docs;
mod pages_docs_api;
mod pages_history;
mod pages_invitations;
mod pages_labels;
mod pages_members;
mod pages_people;
mod pages_projects;
mod pages_status;
mod pages_task_filters;
mod pages_tasks;
mod pages_webhooks;
mod readiness;
mod resend_failed;
mod routes_table;
mod secret_canary;
mod secret_canary_binary;
mod seed_receiver;
mod sessions;
mod sessions_in_flight;
mod settings;
mod sign_in_again;
mod sign_in_limits;
mod snippets;
mod ssrf;
mod task_events;
mod transfer;
mod web_rules;
mod webhook_actions;
mod webhook_charts;
mod webhook_headers;
mod webhook_off;
