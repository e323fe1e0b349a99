"""How a remote command ended: what kubelets say of it, and what clients are told.

Used by `kubelet_remote_command`. Texts: client-go `tools/remotecommand/{v1,v2,v4}.go`, apiserver
`pkg/util/proxy/streamtranslator.go`, kubelets' remotecommand.
"""

from __future__ import annotations

from typing import Final

import orjson

from orlop.api import errors
from orlop.api.field import quote
from orlop.api.tree import Tree

LONGEST: Final = 1 << 20
"""Of a kubelet's last word, so much is read."""
_NON_ZERO: Final = "NonZeroExitCode"
_EXIT_CODE: Final = "ExitCode"
_WITH_STATUS: Final = frozenset({"v5.channel.k8s.io", "v4.channel.k8s.io"})
_PROTOCOL_ERROR: Final = "error stream protocol error"

Status = Tree


def failure(text: str) -> Status:
    """An error on the way to the command."""
    status = errors.internal(text).status()
    return {name: status[name] for name in ("metadata", "status", "message", "reason", "details", "code")}


def decode(message: bytes, protocol: str) -> Status:
    """From a kubelet's error stream; nothing at all is success."""
    if not message:
        return {"metadata": {}, "status": "Success"}
    if protocol not in _WITH_STATUS:
        return failure(f"error executing remote command: {message.decode(errors='replace')}")
    try:
        status = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        text = quote(message.decode(errors="replace"))
        return failure(f"{_PROTOCOL_ERROR}: {error} in {text}")
    outcome = status.get("status") if isinstance(status, dict) else None
    if outcome == "Success":
        return {"metadata": {}, "status": "Success"}
    if outcome != "Failure":
        return failure(f"{_PROTOCOL_ERROR}: unknown error")
    if status.get("reason") != _NON_ZERO:
        return failure(str(status.get("message") or ""))
    return _exited(status.get("details"))


def _exited(details: object) -> Status:
    if not isinstance(details, dict):
        return failure(f"{_PROTOCOL_ERROR}: details must be set")
    for cause in details.get("causes") or ():
        if cause.get("reason") != _EXIT_CODE:
            continue
        code = str(cause.get("message") or "")
        if not (code.isascii() and code.isdigit() and int(code) < 256):
            return failure(f"{_PROTOCOL_ERROR}: invalid exit code value {quote(code)}")
        text = f"command terminated with non-zero exit code: command terminated with exit code {int(code)}"
        return {"metadata": {}, "status": "Failure", "message": text, "reason": _NON_ZERO,
                "details": {"causes": [{"reason": _EXIT_CODE, "message": str(int(code))}]}}
    return failure(f"{_PROTOCOL_ERROR}: no {_EXIT_CODE} cause given")


def encode(status: Status, as_status: bool) -> bytes:
    """For the client's error channel: a Status, or for the oldest forms the text of a failure."""
    if as_status:
        return orjson.dumps(status).replace(b"&", b"\\u0026").replace(b"<", b"\\u003c").replace(b">", b"\\u003e")
    return str(status.get("message") or "").encode() if status["status"] != "Success" else b""
