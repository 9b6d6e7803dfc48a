#!/usr/bin/env python3
"""Sends the messages in the table outgoing, each under its retry key, until each is settled.

It may be killed at any time, and several may run at once. What a killed sender had not marked is sent again
under the same keys.
"""

import argparse
import http.client
import json
import time
import urllib.parse
from collections import Counter

import psycopg

# Where the key comes from. "random" is the mistake: a message that is sent again looks like a new one.
KEYS = {
    "stored": "retry_key",
    "computed": "uuid_v5(shop_namespace(), id::text)",
    "random": "gen_random_uuid()",
}

# An ID holds the time it was made, so those too old to be sent again safely are left out by the primary key.
PENDING = "status IS NULL AND id >= snowflake_min_id(now() - make_interval(hours => %(max_age)s))"

TAKE = """
    SELECT id, {key}, recipient, body FROM outgoing
    WHERE {pending} AND retry_at <= now()
    ORDER BY retry_at, id LIMIT %(batch)s
    FOR UPDATE SKIP LOCKED
"""

SETTLE = "UPDATE outgoing SET status = %s, request_id = %s WHERE id = %s"

# Twice as long each time, up to a minute, less a random part so that messages do not come back all at once.
POSTPONE = """
    UPDATE outgoing SET attempts = attempts + 1,
        retry_at = clock_timestamp()
            + least(60, %s * 2 ^ least(attempts, 20)) * (1 - random() / 2) * interval '1 second'
    WHERE id = %s
"""


class Receiver:
    """The other side, over one connection that is opened again after a failure."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urllib.parse.urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.netloc, timeout=timeout)
        self.path = parts.path or "/"

    def send(self, key: object, recipient: str, body: str) -> tuple[int, str | None] | None:
        """The status and the ID of the accepted request, or None: nobody knows whether it was accepted."""
        payload = json.dumps({"to": recipient, "messages": [{"type": "text", "text": body}]})
        headers = {"Content-Type": "application/json", "X-Line-Retry-Key": str(key)}
        try:
            self.connection.request("POST", self.path, payload.encode(), headers)
            response = self.connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return None
        header = "X-Line-Accepted-Request-Id" if response.status == 409 else "X-Line-Request-Id"
        return response.status, response.getheader(header)


def send_batch(
    db: psycopg.Connection, receiver: Receiver, take: str, options: argparse.Namespace, seen: Counter
) -> int:
    """Sends what is due, at most a batch. The rows stay locked meanwhile, and are marked in one commit."""
    with db.transaction():
        messages = db.execute(take, vars(options)).fetchall()
        for id, key, recipient, body in messages:
            answer = receiver.send(key, recipient, body)
            seen[answer[0] if answer else "no answer"] += 1
            if answer is None or answer[0] == 429 or answer[0] >= 500:
                db.execute(POSTPONE, (options.backoff, id))
            else:
                db.execute(SETTLE, (*answer, id))
    return len(messages)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where to POST the messages")
    parser.add_argument("--database", default="", help="connection string; default: libpq's variables")
    parser.add_argument("--key", choices=KEYS, default="stored", help="where the retry key comes from")
    parser.add_argument("--batch", type=int, default=20, help="messages in one transaction")
    parser.add_argument("--timeout", type=float, default=10, help="seconds to wait for an answer")
    parser.add_argument("--backoff", type=float, default=1, help="seconds before the first retry, at most")
    parser.add_argument("--max-age", type=int, default=23, help="hours; older ones are left for a person to see to")
    parser.add_argument("--drain", action="store_true", help="end when no message is left to send")
    options = parser.parse_args()

    take = TAKE.format(key=KEYS[options.key], pending=PENDING)
    left = f"SELECT EXISTS (SELECT FROM outgoing WHERE {PENDING})"
    receiver = Receiver(options.url, options.timeout)
    seen: Counter = Counter()
    with psycopg.connect(options.database, autocommit=True, client_encoding="utf8") as db:
        while True:
            if send_batch(db, receiver, take, options, seen):
                continue
            if options.drain and not db.execute(left, vars(options)).fetchone()[0]:
                break
            time.sleep(min(1, options.backoff))
    print(", ".join(f"{answer}: {count}" for answer, count in sorted(seen.items(), key=str)))


if __name__ == "__main__":
    main()
