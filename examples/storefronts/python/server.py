"""A bank's own back end in plain Python: it signs its customers in, signs a token for each, and writes the state of the
help desk into the page itself, so that it is read without any script. Needs nothing but Python 3.9.
"""

import base64
import hashlib
import hmac
import html
import http.client
import json
import os
import secrets
import sys
import threading
import time
import urllib.parse
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN_LIFE_S = 10 * 60
FRAGMENT_LIFE_S = 5
FORM_BYTES = 4096
FILES = {"/bank.css": "text/css; charset=utf-8", "/bank.js": "text/javascript; charset=utf-8"}

# Whom this bank knows; a real one asks its database, and for more than a name.
CUSTOMERS = {
    "ines": {"name": "Ines", "tier": "platinum", "phone": "+442079460123"},
    "tom": {"name": "Tom", "tier": "standard"},
}


def sign_token(claims, secret, now=None):
    """A JSON Web Token (RFC 7519) signed with HMAC SHA-256, as Deskbell verifies it with the same secret."""

    def base64url(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    def part(value):
        return base64url(json.dumps(value, separators=(",", ":")).encode())

    expires = int(time.time() if now is None else now) + TOKEN_LIFE_S
    content = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({**claims, "exp": expires})
    signature = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return (content + b"." + base64url(signature)).decode()


class Fragment:
    """The line of HTML that says whether somebody can help, fetched at most once in five seconds for all visitors."""

    def __init__(self, help_origin, site, skill):
        self._address = urllib.parse.urlsplit(help_origin)
        self._path = f"/v1/sites/{site}/fragment?" + urllib.parse.urlencode({"skill": skill})
        self._lock = threading.Lock()
        self._markup, self._etag, self._fetched_at = "", None, float("-inf")

    def markup(self):
        """The newest line; the last known one, or none, where the help desk cannot be reached."""
        with self._lock:
            if time.monotonic() - self._fetched_at >= FRAGMENT_LIFE_S:
                self._fetched_at = time.monotonic()
                self._fetch()
            return self._markup

    def _fetch(self):
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._address.netloc, timeout=2)
        try:
            connection.request("GET", self._path, headers={"If-None-Match": self._etag} if self._etag else {})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200:
                self._markup, self._etag = body.decode(), answer.getheader("ETag")
            elif answer.status != 304:
                self._markup, self._etag = "", None
        except OSError as error:
            print(f"the help desk cannot be reached: {error}", file=sys.stderr)
            self._markup, self._etag = "", None
        finally:
            connection.close()


class Bank(ThreadingHTTPServer):
    """The bank; `help_origin` is where the Deskbell is, `secret` the one of its site."""

    daemon_threads = True

    def __init__(self, address, help_origin, secret, site="bank", skill="mortgages"):
        super().__init__(address, Page)
        self.help_origin, self.secret, self.site, self.skill = help_origin, secret, site, skill
        self.sessions = {}
        self.fragment = Fragment(help_origin, site, skill)
        socket = "ws" + help_origin.removeprefix("http")
        self.policy = (
            f"default-src 'none'; script-src 'self' {help_origin}; connect-src 'self' {help_origin} {socket}; "
            "style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'"
        )

    def token_of(self, customer):
        return sign_token({"sub": customer, **CUSTOMERS[customer]}, self.secret) if customer else ""


class Page(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/":
            self._send(200, "text/html; charset=utf-8", self._page())
        elif path == "/token":  # the page renews its token before it expires
            self._send(200, "application/json", json.dumps({"token": self.server.token_of(self._customer())}))
        elif path in FILES:
            self._send(200, FILES[path], (Path(__file__).parent / path[1:]).read_text())
        else:
            self._send(404, "text/plain; charset=utf-8", "There is no such page.\n")

    def do_POST(self):
        # Only this bank's own page may sign anybody in or out.
        length = self.headers.get("Content-Length", "")
        if self.path != "/session" or self.headers.get("Sec-Fetch-Site") != "same-origin":
            self.close_connection = True
            return self._send(403, "text/plain; charset=utf-8", "Sign in on our own page.\n")
        if not length.isdigit() or int(length) > FORM_BYTES:
            self.close_connection = True
            return self._send(413, "text/plain; charset=utf-8", "A form of this bank is shorter.\n")
        form = urllib.parse.parse_qs(self.rfile.read(int(length)).decode(errors="replace"))
        customer = form.get("customer", [""])[0]
        self.server.sessions.pop(self._session(), None)
        session, life = secrets.token_urlsafe(24), ""
        if customer in CUSTOMERS:
            self.server.sessions[session] = customer
        else:
            session, life = "", "; Max-Age=0"
        cookie = f"session={session}; Path=/; HttpOnly; SameSite=Lax{life}"
        return self._send(303, "text/plain; charset=utf-8", "", [("Location", "/"), ("Set-Cookie", cookie)])

    def _session(self):
        morsel = SimpleCookie(self.headers.get("Cookie", "")).get("session")
        return morsel.value if morsel else None

    def _customer(self):
        return self.server.sessions.get(self._session())

    def _page(self):
        customer, bank = self._customer(), self.server
        known = CUSTOMERS.get(customer, {"name": "a visitor", "tier": "standard"})

        def choice(value, words):
            current = ' aria-current="true"' if value == (customer or "") else ""
            return f'<button name="customer" value="{value}"{current}>{words}</button>'

        bell = {"site": bank.site, "skill": bank.skill, "tier": known["tier"], "token": bank.token_of(customer)}
        attributes = " ".join(f'{name}="{html.escape(value)}"' for name, value in bell.items())
        return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Your mortgage, Harbour Bank</title>
<link rel="stylesheet" href="/bank.css">
<script type="module" src="{bank.help_origin}/widget.js"></script>
<script type="module" src="/bank.js"></script>
<main>
<h1>Your mortgage</h1>
<p>You are here as <strong>{html.escape(known["name"])}</strong>, {html.escape(known["tier"])}. This bank signs who you are; nothing of it is in an address.</p>
<p class="state">Mortgage advisers: {bank.fragment.markup() or "ask at the bell below."}</p>
<form method="post" action="/session">{choice("", "Visitor")}{choice("tom", "Tom, standard")}{choice("ines", "Ines, platinum")}</form>
</main>
<deskbell-help {attributes}></deskbell-help>
</html>
"""

    def _send(self, status, content_type, text, headers=()):
        body = text.encode()
        self.send_response_only(status)
        for name, value in [
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Content-Security-Policy", self.server.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
            *headers,
        ]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main():
    """Serves until it is stopped."""
    secret = os.environ.get("SITE_SECRET")
    if not secret:
        print("Set SITE_SECRET to the secret of the site; the demo writes it to demo.json under sites.", file=sys.stderr)
        return 2
    help_origin = os.environ.get("HELP_ORIGIN", "http://127.0.0.1:8080")
    bank = Bank(("127.0.0.1", int(os.environ.get("PORT", "3001"))), help_origin, secret)
    print(f"The bank is open at http://127.0.0.1:{bank.server_port}/", flush=True)
    try:
        bank.serve_forever()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
