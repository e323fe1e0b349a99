"""A running server, as commands reach it: over HTTPS, with the credentials of a kubeconfig or of flags.

Used by `cli.history`. Reads of a kubeconfig what such files hold here: addresses, authorities, client certificates and
tokens; plugins that fetch credentials are kubectl's. Resource types are what kubectl takes them for: plural, singular,
short name or kind, with the group behind a dot where it matters.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import click
import yaml

from orlop import __version__

TIMEOUT: Final = 30.0
"""Seconds that a server gets to answer."""
_DISCOVERY: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Credentials(NamedTuple):
    """Where a server is and who calls. Certificates and keys in PEM; "" where there is none."""

    server: str
    authority: str = ""
    certificate: str = ""
    key: str = ""
    token: str = ""
    namespace: str = ""
    insecure: bool = False


class Resource(NamedTuple):
    """A resource type as the server serves it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    def path(self, namespace: str, name: str) -> str:
        """`namespace` "" is all of them."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


def read_kubeconfig(path: Path, context: str = "") -> Credentials:
    """The credentials of a context, by default the current one. Raises ClickException."""
    try:
        config = yaml.safe_load(path.read_text()) or {}
        chosen = _named(config, "contexts", context or config.get("current-context") or "")["context"]
        cluster = _named(config, "clusters", chosen.get("cluster", ""))["cluster"]
        user = _named(config, "users", chosen["user"])["user"] if chosen.get("user") else {}
        if user.get("exec") or user.get("auth-provider"):
            raise click.ClickException(f"{path}: credentials that a plugin fetches are not supported; use --token")
        where = path.parent
        token = user.get("token") or (
            (where / user["tokenFile"]).read_text().strip() if user.get("tokenFile") else "")
        return Credentials(cluster["server"], _pem(cluster, "certificate-authority", where),
                           _pem(user, "client-certificate", where), _pem(user, "client-key", where), token,
                           chosen.get("namespace") or "", bool(cluster.get("insecure-skip-tls-verify")))
    except OSError as error:
        raise click.ClickException(f"cannot read {error.filename}: {error.strerror}") from error
    except (KeyError, TypeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise click.ClickException(f"{path} is no kubeconfig that can be used: {error!r}") from error


def _named(config: Mapping[str, Any], list_: str, name: str) -> Any:
    for one in config.get(list_) or ():
        if one["name"] == name:
            return one
    raise click.ClickException(f"the kubeconfig has no {list_.removesuffix('s')} {name!r}")


def _pem(holder: Mapping[str, Any], member: str, where: Path) -> str:
    """A certificate or key, which is in the file or in another one."""
    if holder.get(member + "-data"):
        try:
            return base64.b64decode(holder[member + "-data"]).decode("ascii")
        except binascii.Error as error:
            raise ValueError(f"{member}-data: {error}") from error
    return (where / holder[member]).read_text() if holder.get(member) else ""


class Remote:
    """Makes requests. A Status that says Failure becomes a ClickException."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        address = urlsplit(credentials.server if "://" in credentials.server else "https://" + credentials.server)
        self._prefix = address.path.rstrip("/")
        host, port = address.hostname or "", address.port
        self._connection: http.client.HTTPConnection
        if address.scheme == "http":
            self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
        else:
            self._connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self._tls())

    def _tls(self) -> ssl.SSLContext:
        found = self.credentials
        try:
            context = ssl.create_default_context(cadata=found.authority or None)
            if found.insecure:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if found.certificate:
                _load(context, found.certificate, found.key)
        except ssl.SSLError as error:
            raise click.ClickException(f"certificates that cannot be used: {error}") from error
        return context

    def request(self, method: str, path: str, query: Mapping[str, Any] | None = None,
                accept: str = "application/json") -> Any:
        """The answer, decoded."""
        headers = {"Accept": accept, "User-Agent": f"orlop/{__version__}"}
        if self.credentials.token:
            headers["Authorization"] = f"Bearer {self.credentials.token}"
        target = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        try:
            self._connection.request(method, target, headers=headers)
            answer = self._connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise click.ClickException(f"no answer from {self.credentials.server}: {error}") from error
        try:
            found = json.loads(body)
        except ValueError:
            found = {"message": body.decode(errors="replace").strip()}
        if status >= 400:
            reason = found.get("reason") or status
            raise click.ClickException(f"from the server ({reason}): {found.get('message', '')}")
        return found

    # --- resource types

    def resource(self, wanted: str) -> Resource:
        """The type that a word means. Raises ClickException."""
        word, _, group = wanted.partition(".")
        for found, names in self._served():
            if word.lower() in names and _in_group(found, group):
                return found
        raise click.ClickException(f"the server has no resource type {wanted!r}")

    def _served(self) -> Iterator[tuple[Resource, set[str]]]:
        """Every type in the server's order of preference, with its names."""
        for root in ("/api", "/apis"):
            for group in self.request("GET", root, accept=_DISCOVERY)["items"]:
                for version in group["versions"]:
                    for one in version["resources"]:
                        kind = (one.get("responseKind") or {}).get("kind", "")
                        found = Resource((group.get("metadata") or {}).get("name", ""), version["version"],
                                         one["resource"], kind, one["scope"] == "Namespaced")
                        names = {one["resource"], one.get("singularResource", ""), kind.lower(),
                                 *one.get("shortNames", ())}
                        yield found, names - {""}


def _in_group(found: Resource, wanted: str) -> bool:
    """`wanted` is a group, VERSION.GROUP, or "" for any."""
    version, _, group = wanted.partition(".")
    return not wanted or wanted == found.group or (version == found.version and group == found.group)


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Client certificates come from files only."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # mode 0600, gone when this returns
        file.write(certificate.rstrip() + "\n" + key)
        file.flush()
        context.load_cert_chain(file.name)


def kubeconfig_path(given: Path | None, data_dir: Path) -> Path:
    """What the flag names, else the first file that KUBECONFIG names, else that of the data directory."""
    if given is not None:
        return given
    named = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return next((path for path in named if path.exists()), named[0] if named else data_dir / "admin.kubeconfig")
