"""Google's token server and the door of its store, which check what the stand-in for the store does not."""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Json = dict[str, Any]
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
READ_STORAGE = "https://www.googleapis.com/auth/devstorage.read_only"


class GoogleDoor:
    """Google's token server, which checks what is signed, and the doors of its services, which check the tokens and
    what they were asked for: `tokens` are who has them, with their scopes."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.tokens: dict[str, tuple[str, str]] = {}
        self.address = ""

    def key(self, who: str) -> Json:
        """A service account's key, as Google gives it out."""
        made = self.keys.setdefault(who, generate_private_key(65537, 2048))
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "type": "service_account",
            "client_email": f"{who}@crossfade.iam.gserviceaccount.com",
            "private_key": pem,
            "private_key_id": "1",
            "token_uri": f"{self.address}/token",
        }

    def token(self, form: str) -> str | None:
        """The token for who has signed this."""
        assertion = parse_qs(form)["assertion"][0]
        text, _, signature = assertion.rpartition(".")
        claims = json.loads(_unpacked(text.partition(".")[2]))
        who = str(claims["iss"]).partition("@")[0]
        inside = claims["iat"] <= time.time() + 5 and time.time() < claims["exp"] <= claims["iat"] + 3600
        if not inside or claims["aud"] != "https://oauth2.googleapis.com/token" or who == "stranger":
            return None
        try:
            self.keys[who].public_key().verify(_unpacked(signature), text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return None
        token = f"ya29.canary{uuid.uuid4().hex}"
        self.tokens[token] = who, str(claims.get("scope"))
        return token

    def refuses(self, headers: Mapping[str, str], scope: str, may: tuple[str, ...] = ("reader",)) -> int | None:
        """The status for those who are none of these, or whose token is of no such scope: for storage Google would take
        that of the whole platform too, and this door does not. None for those who may."""
        known = self.tokens.get(headers.get("authorization", "").removeprefix("Bearer "))
        if known is None:
            return 401
        who, scopes = known
        return None if who in may and scope in scopes.split() else 403


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def tokens_of(door: GoogleDoor) -> type[BaseHTTPRequestHandler]:
    """The token server's handler."""

    class Tokens(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            token = door.token(self.rfile.read(int(self.headers["Content-Length"])).decode())
            said = {"access_token": token, "expires_in": 3599} if token else {"error": "invalid_grant"}
            body = json.dumps(said).encode()
            self.send_response(200 if token else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Tokens
