#!/usr/bin/env python3
"""A receiver of messages that accepts each retry key once, and loses answers when told to.

It answers 200 to a key that it has not seen, 409 to one that it has. Every request is a line of JSON in the
journal before it is answered; a restart reads the journal again.
"""

import argparse
import json
import random
import socketserver
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler


class Receiver:
    """What was accepted, and the decision about each request."""

    def __init__(self, journal: str, cut: float, stall: float, seed: int) -> None:
        self.cut = cut
        self.stall = stall
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.accepted: dict[uuid.UUID, str] = {}
        self.journal = open(journal, "a+", encoding="utf-8")
        self.journal.seek(0)
        for line in self.journal:
            request = json.loads(line)
            if request["status"] == 200:
                self.accepted[uuid.UUID(request["key"])] = request["request_id"]

    def receive(self, key: uuid.UUID, payload: object) -> dict:
        """Decides and writes down what becomes of a request."""
        request_id = str(uuid.uuid4())
        with self.lock:
            seen = key in self.accepted
            fate = self.random.random()
            request = {
                "key": str(key),
                "status": 409 if seen else 200,
                "request_id": request_id,
                "accepted_request_id": self.accepted.setdefault(key, request_id),
                "answer": "cut" if fate < self.cut else "stalled" if fate < self.cut + self.stall else "sent",
                "payload": payload,
            }
            self.journal.write(json.dumps(request) + "\n")
            self.journal.flush()
        return request


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open
    wbufsize = -1  # one packet for an answer
    receiver: Receiver
    delay: float

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            key = uuid.UUID(self.headers["X-Line-Retry-Key"])
            payload = json.loads(body)
        except (TypeError, AttributeError, ValueError):
            self.answer(400, {}, "no retry key, or no JSON")
            return

        request = self.receiver.receive(key, payload)
        time.sleep(self.delay)
        if request["answer"] == "cut":
            self.close_connection = True
        elif request["answer"] == "stalled":
            self.rfile.read(1)  # until the sender gives up
            self.close_connection = True
        elif request["status"] == 200:
            self.answer(200, {"X-Line-Request-Id": request["request_id"]}, "accepted")
        else:
            ids = {
                "X-Line-Request-Id": request["request_id"],
                "X-Line-Accepted-Request-Id": request["accepted_request_id"],
            }
            self.answer(409, ids, "The retry key is already accepted")

    def answer(self, status: int, headers: dict[str, str], message: str) -> None:
        body = json.dumps({"message": message}).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            pass  # the sender is gone

    def finish(self) -> None:
        try:
            super().finish()
        except ConnectionError:
            pass

    def log_message(self, *_: object) -> None:
        pass  # the journal says it all


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journal", required=True, help="the file that remembers the requests")
    parser.add_argument("--port", type=int, default=0, help="on the loopback; 0: the kernel chooses one")
    parser.add_argument("--cut", type=float, default=0, help="share of the answers lost to a closed connection")
    parser.add_argument("--stall", type=float, default=0, help="share of the answers that never come")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of answers to lose")
    parser.add_argument("--delay", type=float, default=0, help="seconds between accepting and answering")
    options = parser.parse_args()

    Handler.receiver = Receiver(options.journal, options.cut, options.stall, options.seed)
    Handler.delay = options.delay
    with Server(("127.0.0.1", options.port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
