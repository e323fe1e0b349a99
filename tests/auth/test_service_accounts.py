"""Service-account tokens: what they say, and when they are believed."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from orlop.api.context import User
from orlop.auth import service_accounts
from orlop.auth.interface import TokenRejected
from orlop.auth.service_account_keys import KeyFileError, KeySet, unverified_part
from orlop.auth.service_accounts import BoundObject, ServiceAccountTokens, TokenIssuer
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

ISSUER = "https://kubernetes.default.svc.cluster.local"
HOME = (ISSUER,)


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def public_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
KEYS = KeySet(pem(EC_KEY))


def thing(name: str, uid: str, namespace: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": uid, **({"namespace": namespace} if namespace else {})}}


BOT = thing("bot", "u-bot", "ns")


class Objects(dict[tuple[str, str, str], BoundObject]):
    def find(self, resource: str, namespace: str, name: str) -> BoundObject | None:
        return self.get((resource, namespace, name))


class Bench:
    """An issuer and a verifier over the same clock and objects."""

    def __init__(self, keys: KeySet = KEYS) -> None:
        self.clock = ManualClock()
        self.objects = Objects({
            ("serviceaccounts", "ns", "bot"): BoundObject("u-bot"), ("pods", "ns", "p"): BoundObject("u-p"),
            ("secrets", "ns", "s"): BoundObject("u-s"), ("nodes", "", "n"): BoundObject("u-n")})
        self.issuer = TokenIssuer(keys, ISSUER, self.clock, RandomEntropy(1))
        self.tokens = ServiceAccountTokens(keys, [ISSUER], HOME, self.objects, self.clock)

    def issue(self, audiences: tuple[str, ...] = HOME, seconds: int = 3600, **bound: Any) -> str:
        return self.issuer.issue(BOT, audiences, seconds, **bound).token

    def user(self, token: str, audiences: tuple[str, ...] = HOME) -> User:
        found = self.tokens.authenticate_token(token, audiences)
        assert found is not None
        return found.user

    def rejection(self, token: str, audiences: tuple[str, ...] = HOME) -> str:
        with pytest.raises(TokenRejected) as caught:
            self.tokens.authenticate_token(token, audiences)
        return str(caught.value)


def test_claims() -> None:
    """Exactly the members kube-apiserver writes, sorted, and its header."""
    bench = Bench()
    issued = bench.issuer.issue(BOT, ["a", "b"], 600, pod=thing("p", "u-p"), node=thing("n", "u-n"),
                                warn_after=60)
    now = int(bench.clock.now())
    claims = unverified_part(issued.token, 1)
    identifier = claims.pop("jti")
    assert issued.credential_id == f"JTI={identifier}"
    assert issued.expires_at == now + 600
    assert claims == {
        "aud": ["a", "b"], "exp": now + 600, "iat": now, "iss": ISSUER, "nbf": now,
        "sub": "system:serviceaccount:ns:bot",
        "kubernetes.io": {"namespace": "ns", "node": {"name": "n", "uid": "u-n"},
                          "pod": {"name": "p", "uid": "u-p"},
                          "serviceaccount": {"name": "bot", "uid": "u-bot"}, "warnafter": now + 60}}
    assert list(claims) == sorted(claims)
    header = unverified_part(issued.token, 0)
    der = EC_KEY.public_key().public_bytes(serialization.Encoding.DER,
                                           serialization.PublicFormat.SubjectPublicKeyInfo)
    key_id = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    assert header == {"alg": "ES256", "kid": key_id}


def test_user_of_a_plain_token() -> None:
    """Name, uid, groups and the credential's id."""
    bench = Bench()
    token = bench.issue()
    assert bench.user(token) == User(
        "system:serviceaccount:ns:bot",
        ("system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated"), "u-bot",
        (("authentication.kubernetes.io/credential-id", (f"JTI={unverified_part(token, 1)['jti']}",)),))


def test_user_of_a_pod_token() -> None:
    """Pod and node show in the user's extra."""
    bench = Bench()
    extra = dict(bench.user(bench.issue(pod=thing("p", "u-p"), node=thing("gone", "u-n"))).extra)
    prefix = "authentication.kubernetes.io/"
    assert [extra[prefix + key] for key in ("pod-name", "pod-uid", "node-name", "node-uid")] == [
        ("p",), ("u-p",), ("gone",), ("u-n",)]


@pytest.mark.parametrize(("bound", "key", "noun"), [
    ({"pod": thing("p", "u-p")}, ("pods", "ns", "p"), "pod"),
    ({"secret": thing("s", "u-s")}, ("secrets", "ns", "s"), "secret"),
    ({"node": thing("n", "u-n")}, ("nodes", "", "n"), "node"),
])
def test_bound_objects(bound: dict[str, Any], key: tuple[str, str, str], noun: str) -> None:
    """A token dies with the object it is bound to, at once, also when another one takes its name."""
    bench = Bench()
    token = bench.issue(**bound)
    bench.user(token)
    old = bench.objects.pop(key)
    assert bench.rejection(token) == "service account token has been invalidated"
    bench.objects[key] = BoundObject("new")
    assert bench.rejection(token) == (
        f"{noun} UID (new) does not match service account {noun} ref claim ({old.uid})")
    bench.objects[key] = BoundObject(old.uid, bench.clock.now() - 59)
    bench.user(token)
    bench.clock.advance(2)
    assert bench.rejection(token) == "service account token has been invalidated"


def test_service_account_must_exist() -> None:
    """So does it with its service account."""
    bench = Bench()
    token = bench.issue()
    bench.user(token)
    key = ("serviceaccounts", "ns", "bot")
    del bench.objects[key]
    assert bench.rejection(token) == 'serviceaccounts "bot" not found'
    bench.objects[key] = BoundObject("new")
    assert bench.rejection(token) == "service account UID (new) does not match claim (u-bot)"
    bench.objects[key] = BoundObject("u-bot", bench.clock.now() - 61)
    assert bench.rejection(token) == "service account ns/bot has been deleted"


def test_times() -> None:
    """A minute's grace on either side, then the token is too old or too young; also when it was seen
    before."""
    bench = Bench()
    token = bench.issue(seconds=600)
    bench.clock.advance(659)
    bench.user(token)
    bench.clock.advance(2)
    assert bench.rejection(token) == "service account token has expired"
    bench.clock.advance(-800)
    assert bench.rejection(token) == "service account token is not valid yet"


def test_audiences() -> None:
    """A token is good for the asked audiences that it names, in the order asked."""
    bench = Bench()
    token = bench.issue(("vault", "other"))
    found = bench.tokens.authenticate_token(token, ("other", "x", "vault"))
    assert found is not None
    assert found.audiences == ("other", "vault")
    assert bench.rejection(token) == (
        f'token audiences ["vault" "other"] is invalid for the target audiences ["{ISSUER}"]')


def test_foreign_tokens_are_left_to_others() -> None:
    """What is no JWT, or of another issuer, is not ours to reject."""
    bench = Bench()
    stranger = TokenIssuer(KEYS, "https://else", bench.clock, RandomEntropy(2)).issue(BOT, HOME, 60).token
    for token in ("nonsense", "a.b.c", "{}", stranger, "",
                  "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJub2JvZHkifQ.c2ln"):
        assert bench.tokens.authenticate_token(token, HOME) is None


def forged(token: str, **changes: Any) -> str:
    header, payload, signature = token.split(".")
    claims = {**unverified_part(token, 1), **changes}
    payload = base64.urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


def test_signatures() -> None:
    """A changed payload, an unknown key, no algorithm: rejected."""
    bench = Bench()
    assert "cryptographic" in bench.rejection(forged(bench.issue(), sub="system:serviceaccount:ns:root"))
    stranger = TokenIssuer(KeySet(pem(OTHER_KEY)), ISSUER, bench.clock, RandomEntropy(2)).issue(BOT, HOME, 60)
    assert bench.rejection(stranger.token) == "invalid signature, no keys found"
    _, payload, _ = bench.issue().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    assert bench.tokens.authenticate_token(f"{none}.{payload}.", HOME) is None


def test_old_keys_still_verify() -> None:
    """After a change of the signing key, tokens of the old one are good as long as its public key is kept."""
    bench = Bench(KeySet(pem(OTHER_KEY), [public_pem(EC_KEY)]))
    old = TokenIssuer(KEYS, ISSUER, bench.clock, RandomEntropy(2)).issue(BOT, HOME, 60)
    bench.user(old.token)
    bench.user(bench.issue())


def test_rsa_keys() -> None:
    """RSA keys sign with RS256."""
    bench = Bench(KeySet(pem(rsa.generate_private_key(65537, 2048))))
    token = bench.issue()
    bench.user(token)
    assert unverified_part(token, 0)["alg"] == "RS256"


def test_documents() -> None:
    """The published documents hold public keys only."""
    keys = KeySet(pem(EC_KEY), [public_pem(OTHER_KEY), public_pem(EC_KEY)])
    documents = orjson.loads(keys.jwks())["keys"]
    assert [list(document) for document in documents] == [["use", "kty", "kid", "crv", "alg", "x", "y"]] * 2
    assert documents[0]["kid"] == unverified_part(Bench().issue(), 0)["kid"]
    assert orjson.loads(keys.configuration(ISSUER, "https://host/openid/v1/jwks")) == {
        "issuer": ISSUER, "jwks_uri": "https://host/openid/v1/jwks", "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"]}


def test_bad_key_files() -> None:
    """What is no key says so when it is first needed."""
    with pytest.raises(KeyFileError):
        KeySet(b"nonsense").jwks()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the token verified first is verified again."""
    monkeypatch.setattr(service_accounts, "MAX_VERIFIED_TOKENS", 2)
    bench = Bench()
    tokens = [bench.issue() for _ in range(4)]
    for token in [*tokens, tokens[0]]:
        bench.user(token)
        assert len(bench.tokens._verified) <= 2
