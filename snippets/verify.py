# A receiver that checks both signatures of a delivery. One of them is enough: take the function that suits you.
# Run it with   WEBHOOK_SECRET='whsec_…' python3 verify.py   and set the webhook's URL to http://localhost:4545
import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE = 5 * 60  # seconds
LARGEST = 1024 * 1024  # bytes; payloads are at most 256 KiB


def verify_body(body: bytes, headers, secret: str) -> bool:
    """X-Webhook-Signature. body: the raw bytes as received, before any JSON parsing."""
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return same(headers.get("X-Webhook-Signature", ""), "sha256=" + mac)


def verify_standard(body: bytes, headers, secret: str) -> bool:
    """webhook-signature (Standard Webhooks). It covers the id and the time too, so that an old request cannot be sent again."""
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    try:
        age = abs(time.time() - int(timestamp))
    except ValueError:
        return False
    if age > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(same(given, "v1," + mac) for given in headers.get("webhook-signature", "").split())


def same(given: str, expected: str) -> bool:
    """In constant time: how long it takes tells nothing about where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), LARGEST))
        secret = os.environ["WEBHOOK_SECRET"]
        valid = verify_body(body, self.headers, secret) and verify_standard(body, self.headers, secret)
        self.send_response(204 if valid else 401)
        self.end_headers()
        # The same webhook-id again is a repeat of the same delivery: do its work once.
        print("Valid " + self.headers["webhook-id"] + " " + json.loads(body)["event"] if valid else "INVALID", flush=True)


if __name__ == "__main__":
    if not os.environ.get("WEBHOOK_SECRET"):
        raise SystemExit("Set WEBHOOK_SECRET to the secret of the webhook.")
    port = int(os.environ.get("PORT", 4545))
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    print(f"Listening on http://localhost:{port}", flush=True)
    server.serve_forever()
