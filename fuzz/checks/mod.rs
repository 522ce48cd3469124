//! What holds for every input, as functions that two engines feed: libFuzzer (`scripts/fuzz`), and the tests below, which run the
//! seeds and a bounded number of inputs made from them. A check compares with another implementation, or goes there and back.

/// A target of `fuzz_targets/`, its seeds in `seeds/`, and its test.
macro_rules! targets {
    ($($target:ident: $rounds:literal, $sentence:ident;)*) => {
        $(pub mod $target;)*

        #[cfg(test)]
        mod tests {
            $(#[test]
            fn $sentence() {
                super::mutated::feed(stringify!($target), $rounds, super::$target::check);
            })*

            #[test]
            fn every_target_is_built_for_the_fuzzer_and_has_seeds() {
                super::mutated::assert_complete(&[$(stringify!($target)),*]);
            }
        }
    };
}

targets! {
    target_url: 3_000, a_url_that_is_accepted_leads_where_the_rules_looked;
    form: 2_000, a_form_says_what_was_sent_and_keeps_its_limits;
    json_body: 1_000, a_json_body_is_read_as_it_is_or_its_mistake_has_a_name;
    retry_after: 5_000, a_wait_that_is_asked_for_is_that_of_http_and_no_longer_than_a_day;
    response_head: 400, whatever_a_receiver_answers_is_kept_within_bounds;
    payload_viewer: 1_000, what_came_from_outside_is_shown_as_the_text_that_it_is;
    webhook_file: 2_000, a_file_of_webhooks_is_written_as_it_was_read_and_tells_no_value;
    verify: 500, a_signature_verifies_if_and_only_if_a_plain_hmac_check_says_so;
    address: 3_000, an_address_of_a_page_says_again_what_was_understood_of_it;
    tokens: 2_000, a_token_is_good_only_as_it_was_issued_and_a_flash_is_text;
    settings: 500, a_settings_file_is_read_as_the_environment_would_be_and_tells_no_secret;
    request_headers: 5_000, headers_that_anybody_can_send_open_nothing;
}

#[cfg(test)]
mod mutated;

/// The first line, and what follows it.
fn first_line(input: &[u8]) -> (&[u8], &[u8]) {
    match input.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[]),
    }
}
