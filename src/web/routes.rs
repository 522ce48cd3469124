//! Every URL, in one table: pages first, then the JSON API under `/module`. A new one is one line.

use actix_web::web::{PathConfig, QueryConfig, ServiceConfig, delete, get, head, patch, post, resource, to};

use super::{api, api_error, health, metrics, pages};

/// For whoever watches a node.
pub fn health(cfg: &mut ServiceConfig) {
    cfg.route("/healthz", get().to(health::healthz))
        .route("/readyz", get().to(health::readyz))
        .route("/metrics", get().to(metrics::show))
        // Some monitors ask for no more.
        .route("/healthz", head().to(health::healthz))
        .route("/readyz", head().to(health::readyz));
}

/// All that a worker answers.
pub fn worker(cfg: &mut ServiceConfig) {
    cfg.configure(health).default_service(to(health::only_a_worker));
}

// One URL, one line.
#[rustfmt::skip]
pub fn pages(cfg: &mut ServiceConfig) {
    use pages::{account, api_tokens, audit, deliveries, diagnosis, docs, home, invitations, labels, members, projects, setup, sign_in, status, tasks, theme, webhooks};
    cfg.route("/", get().to(home::show))
        .route("/setup", get().to(setup::form))
        .route("/setup", post().to(setup::create))
        .route("/sign-in", get().to(sign_in::form))
        .route("/sign-in", post().to(sign_in::sign_in))
        .route("/sign-out", post().to(sign_in::sign_out))
        .route("/invitations/{token}", get().to(invitations::show))
        .route("/invitations/{token}", post().to(invitations::accept))
        .route("/invitations/{token}/account", post().to(invitations::create_account))
        .route("/theme", post().to(theme::switch))
        .route("/account", get().to(account::show))
        .route("/account/password", post().to(account::change_password))
        .route("/account/sessions/end-others", post().to(account::end_others))
        .route("/account/sessions/end-all", post().to(account::end_all))
        .route("/account/sessions/{session}/end", post().to(account::end_session))
        .route("/account/api-tokens", get().to(api_tokens::list))
        .route("/account/api-tokens/new", get().to(api_tokens::new))
        .route("/account/api-tokens/new", post().to(api_tokens::create))
        .route("/account/api-tokens/{token}/revoke", get().to(api_tokens::confirm_revoke))
        .route("/account/api-tokens/{token}/revoke", post().to(api_tokens::revoke))
        .route("/audit", get().to(audit::of_installation))
        .route("/audit/export", get().to(audit::export_of_installation))
        .route("/status", get().to(status::show))
        .route("/openapi.json", get().to(api::openapi::show))
        .route("/docs/events", get().to(docs::events))
        .route("/docs/verify", get().to(docs::verify))
        .route("/docs/api", get().to(docs::api))
        .route("/projects/new", get().to(projects::new))
        .route("/projects/new", post().to(projects::create))
        .route("/projects/{project}/edit", get().to(projects::edit))
        .route("/projects/{project}/edit", post().to(projects::save))
        .route("/projects/{project}/archive", post().to(projects::archive))
        .route("/projects/{project}/delete", get().to(projects::confirm_delete))
        .route("/projects/{project}/delete", post().to(projects::delete))
        .route("/projects/{project}/audit", get().to(audit::of_project))
        .route("/projects/{project}/audit/export", get().to(audit::export_of_project))
        .route("/projects/{project}/members", get().to(members::list))
        .route("/projects/{project}/members", post().to(members::add))
        .route("/projects/{project}/members/{member}/role", post().to(members::set_role))
        .route("/projects/{project}/members/{member}/remove", get().to(members::confirm_remove))
        .route("/projects/{project}/members/{member}/remove", post().to(members::remove))
        .route("/projects/{project}/members/{member}/link", get().to(members::new_link_page))
        .route("/projects/{project}/members/{member}/link", post().to(members::new_link))
        .route("/projects/{project}/members/{member}/hand-over", get().to(members::confirm_hand_over))
        .route("/projects/{project}/members/{member}/hand-over", post().to(members::hand_over))
        .route("/projects/{project}/leave", get().to(members::confirm_leave))
        .route("/projects/{project}/leave", post().to(members::leave))
        .route("/projects/{project}", get().to(tasks::list))
        .route("/projects/{project}/tasks", post().to(tasks::add))
        .route("/projects/{project}/tasks/{task}", get().to(tasks::show))
        .route("/projects/{project}/tasks/{task}", post().to(tasks::save))
        .route("/projects/{project}/tasks/{task}/complete", post().to(tasks::complete))
        .route("/projects/{project}/tasks/{task}/subtasks", post().to(tasks::add_subtask))
        .route("/projects/{project}/tasks/{task}/delete", get().to(tasks::ask_delete))
        .route("/projects/{project}/tasks/{task}/delete", post().to(tasks::delete))
        .route("/projects/{project}/labels", get().to(labels::list))
        .route("/projects/{project}/tags", post().to(labels::add_tag))
        .route("/projects/{project}/tags/{tag}/edit", get().to(labels::tag_page))
        .route("/projects/{project}/tags/{tag}/edit", post().to(labels::edit_tag))
        .route("/projects/{project}/tags/{tag}/remove", get().to(labels::ask_remove_tag))
        .route("/projects/{project}/tags/{tag}/remove", post().to(labels::remove_tag))
        .route("/projects/{project}/statuses", post().to(labels::add_status))
        .route("/projects/{project}/statuses/{status}/edit", get().to(labels::status_page))
        .route("/projects/{project}/statuses/{status}/edit", post().to(labels::edit_status))
        .route("/projects/{project}/statuses/{status}/move", post().to(labels::reorder_status))
        .route("/projects/{project}/statuses/{status}/remove", get().to(labels::ask_remove_status))
        .route("/projects/{project}/statuses/{status}/remove", post().to(labels::remove_status))
        .route("/projects/{project}/webhooks", get().to(webhooks::list))
        .route("/projects/{project}/webhooks/new", get().to(webhooks::add_page))
        .route("/projects/{project}/webhooks/new", post().to(webhooks::add))
        .route("/projects/{project}/webhooks/{webhook}/edit", get().to(webhooks::edit_page))
        .route("/projects/{project}/webhooks/{webhook}/edit", post().to(webhooks::edit))
        .route("/projects/{project}/webhooks/{webhook}/toggle", post().to(webhooks::toggle))
        .route("/projects/{project}/webhooks/{webhook}/turn-on", get().to(webhooks::turn_on_page))
        .route("/projects/{project}/webhooks/{webhook}/turn-on", post().to(webhooks::turn_on))
        .route("/projects/{project}/webhooks/{webhook}/test", post().to(webhooks::test))
        .route("/projects/{project}/webhooks/{webhook}/rotate", get().to(webhooks::rotate_page))
        .route("/projects/{project}/webhooks/{webhook}/rotate", post().to(webhooks::rotate))
        .route("/projects/{project}/webhooks/{webhook}/delete", get().to(webhooks::delete_page))
        .route("/projects/{project}/webhooks/{webhook}/delete", post().to(webhooks::delete))
        .route("/projects/{project}/deliveries", get().to(deliveries::history))
        .route("/projects/{project}/deliveries/live", get().to(deliveries::live))
        .route("/projects/{project}/deliveries/export", get().to(deliveries::export))
        .route("/projects/{project}/deliveries/retry", post().to(deliveries::retry_selected))
        .route("/projects/{project}/webhooks/{webhook}/signature", get().to(diagnosis::form))
        .route("/projects/{project}/webhooks/{webhook}/signature", post().to(diagnosis::check))
        .route("/projects/{project}/webhooks/{webhook}/resend", get().to(deliveries::resend_form))
        .route("/projects/{project}/webhooks/{webhook}/resend", post().to(deliveries::resend))
        .route("/projects/{project}/webhooks/{webhook}/deliveries/retry", post().to(deliveries::retry_selected))
        .route("/projects/{project}/webhooks/{webhook}/deliveries/live", get().to(deliveries::live))
        .route("/projects/{project}/webhooks/{webhook}/deliveries/export", get().to(deliveries::export))
        .route("/projects/{project}/webhooks/{webhook}/deliveries", get().to(deliveries::history))
        .route("/projects/{project}/webhooks/{webhook}/deliveries/{delivery}", get().to(deliveries::show))
        .route("/projects/{project}/webhooks/{webhook}/deliveries/{delivery}/retry", post().to(deliveries::retry));
}

pub fn api(cfg: &mut ServiceConfig) {
    use api::{api_tokens, attempts, auth, collaboration, deliveries, events, goals, tags, tasks, webhooks};
    cfg.app_data(PathConfig::default().error_handler(|error, _| api_error::from_address(&error).into()))
        .app_data(QueryConfig::default().error_handler(|error, _| api_error::from_address(&error).into()))
        .service(resource("/auth/login").route(post().to(auth::login)))
        .service(resource("/auth/refresh/token").route(post().to(auth::refresh)))
        .service(resource("/auth/logout").route(post().to(auth::logout)))
        .service(
            resource("/api-tokens")
                .route(get().to(api_tokens::list))
                .route(post().to(api_tokens::create))
                .route(delete().to(api_tokens::revoke)),
        )
        .service(resource("/api-tokens/permissions").route(get().to(api_tokens::permissions)))
        .service(
            resource("/goals")
                .route(get().to(goals::list))
                .route(post().to(goals::create))
                .route(patch().to(goals::edit))
                .route(delete().to(goals::delete)),
        )
        .service(
            resource("/collaboration")
                .route(get().to(collaboration::list_own))
                .route(post().to(collaboration::add))
                .route(patch().to(collaboration::set_roles))
                .route(delete().to(collaboration::remove)),
        )
        .service(resource("/collaboration/link").route(post().to(collaboration::make_link)))
        .service(resource("/collaboration/owner").route(post().to(collaboration::hand_over)))
        .service(resource("/collaboration/{goal}").route(get().to(collaboration::list)))
        .service(resource("/collaborationroles/{goal}").route(get().to(collaboration::roles)))
        .service(
            resource("/tags")
                .route(get().to(tags::list))
                .route(post().to(tags::create))
                .route(patch().to(tags::edit))
                .route(delete().to(tags::delete)),
        )
        .service(resource("/tags/toggle").route(patch().to(tags::toggle)))
        .service(
            resource("/tasks")
                .route(get().to(tasks::list))
                .route(post().to(tasks::create))
                .route(patch().to(tasks::edit))
                .route(delete().to(tasks::delete)),
        )
        .service(resource("/tasks/task-users").route(patch().to(tasks::assign)))
        .service(resource("/tasks/{task}").route(get().to(tasks::find)))
        .service(resource("/events").route(post().to(events::publish)))
        .service(
            resource("/webhooks")
                .route(get().to(webhooks::list))
                .route(post().to(webhooks::create))
                .route(patch().to(webhooks::change))
                .route(delete().to(webhooks::delete)),
        )
        .service(resource("/webhooks/rotate-secret").route(post().to(webhooks::rotate_secret)))
        .service(resource("/webhooks/test").route(post().to(deliveries::test)))
        .service(resource("/webhooks/retry").route(post().to(deliveries::retry)))
        .service(resource("/webhooks/held").route(post().to(deliveries::held)))
        .service(resource("/webhooks/retry-failed").route(post().to(deliveries::retry_failed)))
        .service(resource("/webhooks/deliveries/{webhook}").route(get().to(deliveries::list)))
        .service(resource("/webhooks/attempts/{delivery}").route(get().to(attempts::list)))
        .default_service(to(api::nothing_here));
}
