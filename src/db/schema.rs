//! The tables as diesel sees them, one file for both databases (`tests/it/migrations_agree.rs` compares them with both
//! sets of migrations). Ids and instants are BIGINT, enums SMALLINT, bodies bytes.

diesel::table! {
    users (id) {
        id -> BigInt,
        login -> Text,
        email -> Text,
        name -> Text,
        password_hash -> Text,
        created_at -> BigInt,
        disabled_at -> Nullable<BigInt>,
        administrator -> Bool,
    }
}

diesel::table! {
    sessions (id) {
        id -> BigInt,
        user_id -> BigInt,
        kind -> SmallInt,
        token_hash -> Binary,
        state -> Text,
        token_expires_at -> BigInt,
        refresh_hash -> Nullable<Binary>,
        spent_refresh_hash -> Nullable<Binary>,
        refresh_spent_at -> Nullable<BigInt>,
        created_at -> BigInt,
        last_seen_at -> BigInt,
        expires_at -> BigInt,
        authenticated_at -> BigInt,
        address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> BigInt,
        user_id -> BigInt,
        name -> Text,
        token_hash -> Binary,
        permissions -> Nullable<Text>,
        every_project -> Bool,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    api_token_projects (token_id, project_id) {
        token_id -> BigInt,
        project_id -> BigInt,
    }
}

diesel::table! {
    form_tokens (token_hash) {
        token_hash -> Binary,
        user_id -> BigInt,
        action -> Text,
        subject_id -> Nullable<BigInt>,
        spent_at -> BigInt,
    }
}

diesel::table! {
    projects (id) {
        id -> BigInt,
        name -> Text,
        description -> Text,
        color -> Text,
        creator_id -> BigInt,
        created_at -> BigInt,
        edited_at -> BigInt,
        archived_at -> Nullable<BigInt>,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    memberships (id) {
        id -> BigInt,
        project_id -> BigInt,
        user_id -> Nullable<BigInt>,
        email -> Nullable<Text>,
        role -> SmallInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    invitations (membership_id) {
        membership_id -> BigInt,
        token_hash -> Binary,
        made_by -> BigInt,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    statuses (id) {
        id -> BigInt,
        project_id -> BigInt,
        name -> Text,
        category -> SmallInt,
        position -> Integer,
    }
}

diesel::table! {
    tags (id) {
        id -> BigInt,
        project_id -> BigInt,
        name -> Text,
        color -> Text,
    }
}

diesel::table! {
    tasks (id) {
        id -> BigInt,
        project_id -> BigInt,
        parent_id -> Nullable<BigInt>,
        description -> Text,
        note -> Nullable<Text>,
        complete -> Bool,
        status_id -> Nullable<BigInt>,
        priority -> SmallInt,
        start_date -> Nullable<Text>,
        start_time -> Nullable<Text>,
        end_date -> Nullable<Text>,
        end_time -> Nullable<Text>,
        creator_id -> BigInt,
        created_at -> BigInt,
        edited_at -> BigInt,
        completed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    task_tags (task_id, tag_id) {
        task_id -> BigInt,
        tag_id -> BigInt,
    }
}

diesel::table! {
    task_assignees (task_id, membership_id) {
        task_id -> BigInt,
        membership_id -> BigInt,
    }
}

diesel::table! {
    webhooks (id) {
        id -> BigInt,
        project_id -> BigInt,
        name -> Nullable<Text>,
        url -> Text,
        secret_sealed -> Binary,
        secret_hint -> Text,
        secret_made_at -> BigInt,
        secret_made_by -> BigInt,
        schedule -> SmallInt,
        active -> Bool,
        consecutive_failures -> Integer,
        off_reason -> Nullable<SmallInt>,
        off_at -> Nullable<BigInt>,
        off_by -> Nullable<BigInt>,
        discarded_to -> BigInt,
        created_by -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        headers_sealed -> Nullable<Binary>,
        header_names -> Nullable<Text>,
        pruned_to -> BigInt,
    }
}

diesel::table! {
    webhook_events (webhook_id, kind) {
        webhook_id -> BigInt,
        kind -> Text,
        position -> Integer,
    }
}

diesel::table! {
    events (id) {
        id -> BigInt,
        project_id -> BigInt,
        kind -> Text,
        body -> Binary,
        occurred_at -> BigInt,
        initiator_id -> Nullable<BigInt>,
        task_id -> Nullable<BigInt>,
        published -> Bool,
    }
}

diesel::table! {
    deliveries (id) {
        id -> BigInt,
        project_id -> BigInt,
        webhook_id -> BigInt,
        event_id -> BigInt,
        task_id -> Nullable<BigInt>,
        kind -> Text,
        message_id -> Text,
        status -> SmallInt,
        trigger -> SmallInt,
        attempts -> Integer,
        claims -> Integer,
        due_at -> BigInt,
        leased_until -> BigInt,
        lease_id -> Nullable<BigInt>,
        response_code -> Nullable<Integer>,
        outcome -> Nullable<SmallInt>,
        last_attempt_at -> Nullable<BigInt>,
        duration_us -> Nullable<BigInt>,
        created_at -> BigInt,
    }
}

diesel::table! {
    attempts (delivery_id, number) {
        delivery_id -> BigInt,
        number -> Integer,
        started_at -> BigInt,
        duration_us -> BigInt,
        lookup_us -> Nullable<BigInt>,
        connect_us -> Nullable<BigInt>,
        first_byte_us -> Nullable<BigInt>,
        outcome -> SmallInt,
        response_code -> Nullable<Integer>,
        reused -> Bool,
        cut -> Bool,
        response_size -> Integer,
        address -> Nullable<Text>,
        message -> Text,
        url -> Text,
        request_headers -> Text,
        response_headers -> Text,
    }
}

diesel::table! {
    attempt_bodies (delivery_id, number) {
        delivery_id -> BigInt,
        number -> Integer,
        body -> Binary,
    }
}

diesel::table! {
    resend_runs (webhook_id) {
        webhook_id -> BigInt,
        since -> BigInt,
        fed_to -> BigInt,
        up_to -> BigInt,
        fed_at -> BigInt,
        started_by -> BigInt,
        started_at -> BigInt,
    }
}

diesel::table! {
    hourly (webhook_id, hour) {
        webhook_id -> BigInt,
        hour -> BigInt,
        ok -> BigInt,
        failed -> BigInt,
    }
}

diesel::table! {
    audit_log (id) {
        id -> BigInt,
        project_id -> Nullable<BigInt>,
        user_id -> Nullable<BigInt>,
        action -> Text,
        subject_id -> Nullable<BigInt>,
        detail -> Text,
        address -> Nullable<Text>,
        created_at -> BigInt,
        api_token_id -> Nullable<BigInt>,
        api_token -> Nullable<Text>,
    }
}

diesel::table! {
    idempotency_keys (user_id, key) {
        user_id -> BigInt,
        key -> Text,
        body_hash -> Binary,
        answer -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    key_checks (key_id) {
        key_id -> Text,
        sealed -> Binary,
        created_at -> BigInt,
        retired_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    vault (id) {
        id -> SmallInt,
        current_key -> Text,
        root_sealed -> Binary,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    users,
    sessions,
    api_tokens,
    api_token_projects,
    form_tokens,
    projects,
    memberships,
    invitations,
    statuses,
    tags,
    tasks,
    task_tags,
    task_assignees,
    webhooks,
    webhook_events,
    events,
    deliveries,
    attempts,
    attempt_bodies,
    resend_runs,
    hourly,
    audit_log,
    idempotency_keys,
    key_checks,
    vault,
);
diesel::joinable!(api_token_projects -> api_tokens (token_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(attempt_bodies -> deliveries (delivery_id));
diesel::joinable!(attempts -> deliveries (delivery_id));
diesel::joinable!(deliveries -> events (event_id));
diesel::joinable!(deliveries -> webhooks (webhook_id));
diesel::joinable!(events -> projects (project_id));
diesel::joinable!(invitations -> memberships (membership_id));
diesel::joinable!(invitations -> users (made_by));
diesel::joinable!(memberships -> projects (project_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(resend_runs -> webhooks (webhook_id));
diesel::joinable!(statuses -> projects (project_id));
diesel::joinable!(tags -> projects (project_id));
diesel::joinable!(task_assignees -> memberships (membership_id));
diesel::joinable!(task_assignees -> tasks (task_id));
diesel::joinable!(task_tags -> tags (tag_id));
diesel::joinable!(task_tags -> tasks (task_id));
diesel::joinable!(tasks -> projects (project_id));
diesel::joinable!(webhook_events -> webhooks (webhook_id));
diesel::joinable!(webhooks -> projects (project_id));
