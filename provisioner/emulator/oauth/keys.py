"""The key pair of the org and its connected app, and what is signed with it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.http import context

if TYPE_CHECKING:
    from provisioner.emulator.store.org import Org

_KEY_ID: Final = "local"  # of the key that the org signs with
_ID_TOKEN_SECONDS: Final = 120  # two minutes: general knowledge [U]


def private_key(org: Org) -> str:
    """The private key of the connected app, in PEM; made when first asked for."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    with org.transaction():
        kept = org.setting("private key")
        if kept is None:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            kept = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode()
            org.put_setting("private key", kept)
    return kept


def public_key(org: Org) -> Any:
    """The public half of `private_key`."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(private_key(org).encode(), None).public_key()


def id_token(org: Org, url: str, access_token: str, nonce: str) -> str:
    """Who the user is, signed by the org (OpenID Connect, as Salesforce help has it [V])."""
    import jwt

    now = int(org.now().timestamp())
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    claims = {
        "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        "sub": url,
        "aud": org.setting("consumer key"),
        "iss": context.instance_url(),
        "exp": now + _ID_TOKEN_SECONDS,
        "iat": now,
        **({"nonce": nonce} if nonce else {}),
    }
    return jwt.encode(claims, private_key(org), algorithm="RS256", headers={"kid": _KEY_ID})


def json_keys(org: Org) -> dict[str, Any]:
    """The public key, as OpenID Connect publishes it."""
    import json

    from jwt.algorithms import RSAAlgorithm

    key: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(public_key(org)))
    return {"keys": [{**key, "alg": "RS256", "use": "sig", "kid": _KEY_ID}]}
