<?php
// A receiver that checks both signatures of a delivery. One of them is enough: take the function that suits you.
// Run it with   WEBHOOK_SECRET='whsec_…' php -S 127.0.0.1:4545 verify.php   and set the webhook's URL to http://localhost:4545
declare(strict_types=1);

const TOLERANCE = 5 * 60; // seconds

// X-Webhook-Signature. $body: the raw bytes as received, before any JSON parsing. hash_equals compares in constant time.
function verify_body(string $body, array $server, string $secret): bool
{
    $mac = hash_hmac('sha256', $body, $secret);
    return hash_equals('sha256=' . $mac, $server['HTTP_X_WEBHOOK_SIGNATURE'] ?? '');
}

// webhook-signature (Standard Webhooks). It covers the id and the time too, so that an old request cannot be sent again.
function verify_standard(string $body, array $server, string $secret): bool
{
    $id = $server['HTTP_WEBHOOK_ID'] ?? '';
    $timestamp = $server['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > TOLERANCE) {
        return false;
    }
    $key = base64_decode(str_starts_with($secret, 'whsec_') ? substr($secret, 6) : $secret, true);
    if ($key === false) {
        return false;
    }
    $mac = base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $server['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) {
        if (hash_equals('v1,' . $mac, $given)) {
            return true;
        }
    }
    return false;
}

$secret = getenv('WEBHOOK_SECRET') ?: exit('Set WEBHOOK_SECRET to the secret of the webhook.');
$body = file_get_contents('php://input');
$valid = verify_body($body, $_SERVER, $secret) && verify_standard($body, $_SERVER, $secret);
http_response_code($valid ? 204 : 401);
// The same webhook-id again is a repeat of the same delivery: do its work once.
error_log($valid ? 'Valid ' . $_SERVER['HTTP_WEBHOOK_ID'] . ' ' . json_decode($body)->event : 'INVALID');
