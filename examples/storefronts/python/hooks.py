"""What a shop's back end in plain Python does with what Deskbell tells it: verifies each webhook (Standard Webhooks) and
each SOAP push, takes it once, and prints it as one line of JSON. Must not need anything but Python."""

import base64
import hashlib
import hmac
import json
import os
import re
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_S = 5 * 60
MOST_BYTES = 1024 * 1024
NAMESPACE = "{urn:deskbell:soap:1}"
SOAP = {
    "text/xml": "http://schemas.xmlsoap.org/soap/envelope/",
    "application/soap+xml": "http://www.w3.org/2003/05/soap-envelope",
}


def verify(keys, headers, body, now=None):
    """Whether one of the keys (`whsec_…`) signed this body under this identity, of late."""
    identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity or not re.fullmatch("[0-9]{1,12}", moment) or abs((now or time.time()) - int(moment)) > TOLERANCE_S:
        return False
    signed = b".".join([identity.encode(), moment.encode(), body])
    # As bytes: a stranger's signature may hold anything.
    sent = [part[3:].encode() for part in headers.get("webhook-signature", "").split(" ") if part.startswith("v1,")]
    for key in keys:
        expected = base64.b64encode(hmac.new(read_key(key), signed, hashlib.sha256).digest())
        # Every comparison takes as long, whatever differs.
        if any(hmac.compare_digest(expected, one) for one in sent):
            return True
    return False


def read_key(text):
    """The secret of a key as the configuration writes it."""
    return base64.b64decode(text.removeprefix("whsec_"), validate=True)


def read_push(body):
    """The groups of a NotifyGroupPresence, and the namespace of its envelope."""
    if b"<!DOCTYPE" in body:
        raise ValueError("no document type is taken")
    envelope = ElementTree.fromstring(body)
    push = envelope.find(f".//{NAMESPACE}NotifyGroupPresence")
    if push is None:
        raise ValueError("this is no NotifyGroupPresence")
    groups = [{child.tag.removeprefix(NAMESPACE): child.text for child in group} for group in push.iter(f"{NAMESPACE}group")]
    return {"type": "NotifyGroupPresence", "site": push.findtext(f"{NAMESPACE}site"), "groups": groups}


class Hooks(BaseHTTPRequestHandler):
    """One request of Deskbell."""

    protocol_version = "HTTP/1.1"
    keys: list = []
    # A real shop keeps these in its database, beside what they made it do.
    taken: dict = {}
    # Two tries of one event may come at once.
    one_at_a_time = threading.Lock()

    def do_POST(self):
        length = self.headers.get("content-length", "")
        if not re.fullmatch("[0-9]{1,12}", length):
            return self.refuse(411)
        if int(length) > MOST_BYTES:
            return self.refuse(413)
        body = self.rfile.read(int(length))
        if not verify(self.keys, self.headers, body):
            return self.answer(401)
        kind = self.headers.get("content-type", "").split(";")[0].strip()
        identity = self.headers.get("webhook-id")
        try:
            event = read_push(body) if kind in SOAP else dict(json.loads(body))
        except (TypeError, ValueError, ElementTree.ParseError) as error:
            sys.stderr.write(f"{error}\n")
            return self.answer(400)
        # Deskbell tells an event again until it hears that it was taken: the second time nothing is done.
        with self.one_at_a_time:
            if identity not in self.taken:
                print(json.dumps({"id": identity, **event}), flush=True)
                # Not before it is told: should that fail, the next try is not taken for the second.
                self.taken[identity] = time.time()
        if kind in SOAP:
            answer = f'<soap:Envelope xmlns:soap="{SOAP[kind]}"><soap:Body><NotifyGroupPresenceResponse xmlns="urn:deskbell:soap:1"/></soap:Body></soap:Envelope>'
            return self.answer(200, kind, answer.encode())
        return self.answer(204)

    def refuse(self, status):
        """Answers without having read the body, so that nothing after it is a request."""
        self.close_connection = True
        self.answer(status)

    def answer(self, status, kind=None, body=b""):
        self.send_response(status)
        if kind:
            self.send_header("content-type", kind)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Requests are printed as what they tell."""


def main():
    # Two while a key is replaced: the new one and the old one.
    Hooks.keys = [key for key in os.environ.get("WEBHOOK_KEYS", "").split(",") if key]
    try:
        usable = [key for key in Hooks.keys if read_key(key)]
    except ValueError:
        usable = []
    if not usable:
        sys.exit("set WEBHOOK_KEYS to the key of the [[webhook]] table, whsec_ and base64; without one anybody could tell us anything")
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "3001"))), Hooks)
    print(json.dumps({"listening": f"http://127.0.0.1:{server.server_port}/"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
