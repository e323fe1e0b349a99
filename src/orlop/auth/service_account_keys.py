"""The keys that sign and verify service-account tokens, and the documents that publish them (kubernetes
`pkg/serviceaccount/jwt.go`, `openidmetadata.go`; RFC 7515, 7517).

`service_accounts` signs and verifies with a `KeySet`; the server serves its documents under /openid/v1/jwks
and /.well-known/openid-configuration. The JOSE library takes 100 ms to import and is loaded at the first
token.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from orlop.api.tree import Tree

if TYPE_CHECKING:
    from joserfc.jwk import ECKey, RSAKey

JWKS_PATH: Final = "/openid/v1/jwks"
CONFIGURATION_PATH: Final = "/.well-known/openid-configuration"
ALGORITHMS: Final = ("ES256", "ES384", "ES512", "RS256")
_CURVE_ALGORITHMS: Final = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class KeyFileError(ValueError):
    """A PEM text is no key that can be used here."""


class _Key:
    """One key. `id` is a hash of the public key, so that it never gives away the key itself."""

    __slots__ = ("algorithm", "id", "jose", "private")

    def __init__(self, pem: bytes) -> None:
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey, RSAKey

        kinds: tuple[type[ECKey | RSAKey], ...] = (ECKey, RSAKey)
        for kind in kinds:
            try:
                self.jose: ECKey | RSAKey = kind.import_key(pem)
                break
            except (ValueError, TypeError, JoseError):
                continue
        else:
            raise KeyFileError("neither an EC nor an RSA key in PEM form")
        self.private = self.jose.is_private
        public = self.jose.as_dict(private=False)
        curve = public.get("crv")
        self.algorithm = "RS256" if curve is None else _CURVE_ALGORITHMS.get(str(curve), "")
        if not self.algorithm:
            raise KeyFileError(f"unsupported curve {curve}")
        self.id = _key_id(self.jose.as_der(private=False))

    def document(self) -> Tree:
        """The public key as a JWK."""
        public: dict[str, Any] = dict(self.jose.as_dict(private=False))
        head = {"use": "sig", "kty": public["kty"], "kid": self.id}
        if "crv" in public:
            head["crv"] = public["crv"]
        return {**head, "alg": self.algorithm, **{n: public[n] for n in ("x", "y", "n", "e") if n in public}}


def _key_id(der: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


class KeySet:
    """The signing key (the first, private) and all keys that verify. PEM texts are parsed at the first
    use."""

    def __init__(self, signing: bytes, verifying: Sequence[bytes] = ()) -> None:
        self._pems = (signing, *verifying)
        self._parsed: tuple[_Key, ...] = ()

    @property
    def _keys(self) -> tuple[_Key, ...]:
        """Raises KeyFileError."""
        if not self._parsed:
            keys: dict[str, _Key] = {}
            for key in map(_Key, self._pems):
                keys.setdefault(key.id, key)
            parsed = tuple(keys.values())
            if not parsed[0].private:
                raise KeyFileError("a public key cannot sign")
            self._parsed = parsed
        return self._parsed

    def sign(self, claims: Tree) -> str:
        """A compact JWS of the claims, members sorted."""
        from joserfc import jws

        key = self._keys[0]
        payload = orjson.dumps(claims, option=orjson.OPT_SORT_KEYS)
        return jws.serialize_compact({"alg": key.algorithm, "kid": key.id}, payload, key.jose,
                                     algorithms=[key.algorithm])

    def verified(self, token: str) -> bytes | None:
        """The payload of a token that one of the keys signed. None: the signature is wrong. Raises
        LookupError when there is no key of the token's key id, ValueError when it is no JWS."""
        from joserfc import jws
        from joserfc.errors import JoseError

        header = unverified_part(token, 0)
        if header.get("alg") not in ALGORITHMS:
            raise ValueError("unknown algorithm")
        key_id = header.get("kid") or ""
        keys = [key for key in self._keys if not key_id or key.id == key_id]
        if not keys:
            raise LookupError(key_id)
        for key in keys:
            try:
                return jws.deserialize_compact(token, key.jose, algorithms=[key.algorithm]).payload
            except (JoseError, ValueError):
                continue
        return None

    def jwks(self) -> bytes:
        """The JSON Web Key Set document."""
        return orjson.dumps({"keys": [key.document() for key in self._keys]})

    def configuration(self, issuer: str, jwks_uri: str) -> bytes:
        """The OpenID provider document."""
        return orjson.dumps({
            "issuer": issuer,
            "jwks_uri": jwks_uri,
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in self._keys}),
        })


def unverified_part(token: str, index: int) -> Tree:
    """Header (0) or claims (1) of a compact JWS, not verified. Raises ValueError when it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("not a compact JWS")
    text = parts[index]
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    tree = orjson.loads(raw)
    if not isinstance(tree, dict):
        raise ValueError("not an object")
    return tree
