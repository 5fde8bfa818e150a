"""An OpenID provider that says what the test wants, true or not, signed as the test wants it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.webhook_receiver import Answer

KID = "first"
KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = rsa.generate_private_key(65537, 2048)
SMALL_KEY = rsa.generate_private_key(65537, 1024)


def serve(idp: IdentityProvider, **discovery: Any) -> str:
    """Put its documents up; the address of the discovery document."""
    publish(idp, KEY)
    return idp.serve_discovery(userinfo_endpoint=idp.url("/userinfo"), **discovery)


def publish(idp: IdentityProvider, key: Any) -> None:
    """Let this be the key it signs with."""
    kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    member = json.loads(kind.to_jwk(key.public_key()))
    idp.documents["/jwks"] = Answer(body=json.dumps({"keys": [{**member, "kid": KID, "use": "sig"}]}).encode())


def claims(idp: IdentityProvider, nonce: str, /, **changes: Any) -> dict[str, Any]:
    """Those of an ID token as it should be, with these changes; None takes one out."""
    now = int(time.time())
    true = {"iss": idp.url(""), "aud": "pigeon", "sub": "ann", "nonce": nonce, "iat": now, "exp": now + 300}
    person = {"email": "ann@acme.example", "email_verified": True}
    return {name: value for name, value in {**true, **person, **changes}.items() if value is not None}


def answer_code(idp: IdentityProvider, id_token: str, userinfo: Mapping[str, Any] | None = None) -> None:
    """Answer the next code with this ID token."""
    body = {"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": id_token}
    idp.documents["/token"] = Answer(body=json.dumps(body).encode())
    idp.documents["/userinfo"] = Answer(body=json.dumps(userinfo or {"sub": "ann"}).encode())


def signed(content: Mapping[str, Any], key: Any = KEY, algorithm: str = "RS256") -> str:
    return jwt.encode(dict(content), key, algorithm=algorithm, headers={"kid": KID})


def unsigned(content: Mapping[str, Any], algorithm: str = "none") -> str:
    parts = ({"alg": algorithm, "kid": KID}, content)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + "."
