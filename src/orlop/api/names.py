"""Forms of names: what may be a label key, an object's name, a port's name, a key of a ConfigMap.

Called by metadata validation, selectors, strategies and kinds. Each check takes a text and returns the
complaints about it, none when it is fine; who calls knows the field. Forms and texts are those of
apimachinery (`util/validation/validation.go`, `api/validate/content`, `api/validation/generic.go`).
"""

from __future__ import annotations

import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_UNDERSCORE_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORE_SUBDOMAIN = _UNDERSCORE_LABEL + r"(\." + _UNDERSCORE_LABEL + ")*"
_DNS1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = r"\*\." + _SUBDOMAIN
_KEY_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_KEY_NAME})?"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_PERCENT = "[0-9]+%"
_HEADER_NAME = "[-A-Za-z0-9]+"
_ENV_VAR_NAME = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"

_ALPHANUMERIC_ENDS = "must start and end with an alphanumeric character"
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    f"and {_ALPHANUMERIC_ENDS}")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    f"and {_ALPHANUMERIC_ENDS}")
_UNDERSCORE_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
    f"and {_ALPHANUMERIC_ENDS}")
_CASELESS_TEXT = (
    f"an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', and {_ALPHANUMERIC_ENDS}")
_DNS1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character")
_WILDCARD_TEXT = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
    "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character")
_KEY_TEXT = f"must consist of alphanumeric characters, '-', '_' or '.', and {_ALPHANUMERIC_ENDS}"
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    f"and {_ALPHANUMERIC_ENDS}")
_C_IDENTIFIER_TEXT = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of "
    "alphanumeric characters or '_'")
_ENV_VAR_TEXT = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', "
    "and must not start with a digit")
_RELAXED_ENV_VAR_TEXT = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='")
_HEADER_TEXT = "a valid HTTP header must consist of alphanumeric characters or '-'"
_CONFIG_KEY_TEXT = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_DECIMAL_TEXT = "must be a valid decimal integer in canonical form"

_is_label = re.compile(_LABEL).fullmatch
_is_subdomain = re.compile(_SUBDOMAIN).fullmatch
_is_underscore_subdomain = re.compile(_UNDERSCORE_SUBDOMAIN).fullmatch
_is_caseless_subdomain = re.compile(_SUBDOMAIN, re.IGNORECASE | re.ASCII).fullmatch
_is_dns1035_label = re.compile(_DNS1035_LABEL).fullmatch
_is_wildcard = re.compile(_WILDCARD).fullmatch
_is_key_name = re.compile(_KEY_NAME).fullmatch
_is_key = re.compile(f"(?:{_SUBDOMAIN}/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?").fullmatch
_is_label_value = re.compile(_LABEL_VALUE).fullmatch
_is_c_identifier = re.compile(_C_IDENTIFIER).fullmatch
_is_port_charset = re.compile("[-a-z0-9]+").fullmatch
_has_letter = re.compile("[a-z]").search
_is_percent = re.compile(_PERCENT).fullmatch
_is_header_name = re.compile(_HEADER_NAME).fullmatch
_is_env_var_name = re.compile(_ENV_VAR_NAME).fullmatch
_is_config_key = re.compile(_CONFIG_KEY).fullmatch
_is_decimal = re.compile("0|-?[1-9][0-9]*").fullmatch

LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253
PORT_NAME_LENGTH = 15


def length(text: str) -> int:
    """Go's `len`: bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def too_long(most: int) -> str:
    """util/validation counts bytes and says characters."""
    return f"must be no more than {most} characters"


def _too_many_bytes(most: int) -> str:
    """api/validate/content says bytes."""
    return f"must be no more than {most} bytes"


def wrong_form(text: str, form: str, *examples: str) -> str:
    """What upstream's RegexError says; the odd commas are its own."""
    if not examples:
        return f"{text} (regex used for validation is '{form}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {shown}regex used for validation is '{form}')"


def label_key(text: str) -> list[str]:
    """A qualified name: an optional DNS subdomain and slash, then at most 63 letters, digits, '-', '_' and
    '.'."""
    if len(text) <= SUBDOMAIN_LENGTH and _is_key(text):
        return []
    found: list[str] = []
    parts = text.split("/")
    if len(parts) > 2:
        form = wrong_form(_KEY_TEXT, _KEY_NAME, "MyName", "my.name", "123-abc")
        return [f"a valid label key {form} with an optional DNS subdomain prefix and '/' "
                "(e.g. 'example.com/MyName')"]
    name = parts[-1]
    if len(parts) == 2:
        if not parts[0]:
            found.append("prefix part must be non-empty")
        else:
            found += ["prefix part " + complaint for complaint in content_subdomain(parts[0])]
    if not name:
        found.append("name part must be non-empty")
    elif length(name) > LABEL_LENGTH:
        found.append("name part " + _too_many_bytes(LABEL_LENGTH))
    if not _is_key_name(name):
        found.append("name part " + wrong_form(_KEY_TEXT, _KEY_NAME, "MyName", "my.name", "123-abc"))
    return found


qualified_name = label_key


def prefixed_label_key(text: str) -> list[str]:
    found = label_key(text)
    return found if found or "/" in text else ["must include a prefix (e.g. 'example.com/key')"]


def label_value(text: str) -> list[str]:
    if len(text) <= LABEL_LENGTH and _is_label_value(text):
        return []
    found = [_too_many_bytes(LABEL_LENGTH)] if length(text) > LABEL_LENGTH else []
    if not _is_label_value(text):
        found.append(wrong_form(_LABEL_VALUE_TEXT, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return found


def dns1123_label(text: str) -> list[str]:
    if len(text) <= LABEL_LENGTH and _is_label(text):
        return []
    found = [too_long(LABEL_LENGTH)] if length(text) > LABEL_LENGTH else []
    if not _is_label(text):
        if _is_subdomain(text):
            found.append("must not contain dots")
        else:
            found.append(wrong_form(_LABEL_TEXT, _LABEL, "my-name", "123-abc"))
    return found


def dns1123_subdomain(text: str) -> list[str]:
    if len(text) <= SUBDOMAIN_LENGTH and _is_subdomain(text):
        return []
    found = [too_long(SUBDOMAIN_LENGTH)] if length(text) > SUBDOMAIN_LENGTH else []
    if not _is_subdomain(text):
        found.append(wrong_form(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return found


def content_subdomain(text: str) -> list[str]:
    """The same rule where upstream asks api/validate/content, which words the length differently."""
    found = [_too_many_bytes(SUBDOMAIN_LENGTH)] if length(text) > SUBDOMAIN_LENGTH else []
    if not _is_subdomain(text):
        found.append(wrong_form(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return found


def content_label(text: str) -> list[str]:
    """`dns1123_label` as api/validate/content words it."""
    found = dns1123_label(text)
    return [_too_many_bytes(LABEL_LENGTH) if f == too_long(LABEL_LENGTH) else f for f in found]


def caseless_subdomain(text: str) -> list[str]:
    found = [_too_many_bytes(SUBDOMAIN_LENGTH)] if length(text) > SUBDOMAIN_LENGTH else []
    if not _is_caseless_subdomain(text):
        found.append(wrong_form(_CASELESS_TEXT, _SUBDOMAIN, "Example.com"))
    return found


def dns1123_subdomain_with_underscore(text: str) -> list[str]:
    found = [too_long(SUBDOMAIN_LENGTH)] if length(text) > SUBDOMAIN_LENGTH else []
    if not _is_underscore_subdomain(text):
        found.append(wrong_form(_UNDERSCORE_TEXT, _UNDERSCORE_SUBDOMAIN, "example.com"))
    return found


def dns1035_label(text: str) -> list[str]:
    if len(text) <= LABEL_LENGTH and _is_dns1035_label(text):
        return []
    found = [too_long(LABEL_LENGTH)] if length(text) > LABEL_LENGTH else []
    if not _is_dns1035_label(text):
        found.append(wrong_form(_DNS1035_TEXT, _DNS1035_LABEL, "my-name", "abc-123"))
    return found


def wildcard_dns1123_subdomain(text: str) -> list[str]:
    found = [too_long(SUBDOMAIN_LENGTH)] if length(text) > SUBDOMAIN_LENGTH else []
    if not _is_wildcard(text):
        found.append(wrong_form(_WILDCARD_TEXT, _WILDCARD, "*.example.com"))
    return found


def c_identifier(text: str) -> list[str]:
    if _is_c_identifier(text):
        return []
    return [wrong_form(_C_IDENTIFIER_TEXT, _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")]


def in_range(value: int, low: int, high: int) -> list[str]:
    return [] if low <= value <= high else [f"must be between {low} and {high}, inclusive"]


def port_number(value: int) -> list[str]:
    return in_range(value, 1, 65535)


def unix_id(value: int) -> list[str]:
    """A user or group id."""
    return in_range(value, 0, 2**31 - 1)


def port_name(text: str) -> list[str]:
    """An IANA service name, lower case only."""
    found = [too_long(PORT_NAME_LENGTH)] if length(text) > PORT_NAME_LENGTH else []
    if not _is_port_charset(text):
        found.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _has_letter(text):
        found.append("must contain at least one letter (a-z)")
    if "--" in text:
        found.append("must not contain consecutive hyphens")
    if text and (text[0] == "-" or text[-1] == "-"):
        found.append("must not begin or end with a hyphen")
    return found


def percent(text: str) -> list[str]:
    if _is_percent(text):
        return []
    message = "a valid percent string must be a numeric string followed by an ending '%'"
    return [wrong_form(message, _PERCENT, "1%", "93%")]


def http_header_name(text: str) -> list[str]:
    if _is_header_name(text):
        return []
    return [wrong_form(_HEADER_TEXT, _HEADER_NAME, "X-Header-Name")]


def _directory_step(text: str) -> list[str]:
    if text in (".", ".."):
        return [f"must not be '{text}'"]
    return ["must not start with '..'"] if text.startswith("..") else []


def env_var_name(text: str) -> list[str]:
    found = []
    if not _is_env_var_name(text):
        found.append(wrong_form(_ENV_VAR_TEXT, _ENV_VAR_NAME, "my.env-name", "MY_ENV.NAME", "MyEnvName1"))
    return found + _directory_step(text)


def relaxed_env_var_name(text: str) -> list[str]:
    if not text:
        return ["environment variable name must be non-empty"]
    if text.isascii() and text.isprintable() and "=" not in text:
        return []
    return [_RELAXED_ENV_VAR_TEXT]


def config_map_key(text: str) -> list[str]:
    """A key of a ConfigMap or Secret: it may become a file's name."""
    found = [too_long(SUBDOMAIN_LENGTH)] if length(text) > SUBDOMAIN_LENGTH else []
    if not _is_config_key(text):
        found.append(wrong_form(_CONFIG_KEY_TEXT, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    return found + _directory_step(text)


def decimal_integer(text: str) -> list[str]:
    if not text:
        return ["must be non-empty"]
    return [] if _is_decimal(text) else [_DECIMAL_TEXT]


def path_segment_prefix(text: str) -> list[str]:
    """May begin a name that is one segment of a URL's path and of a storage key."""
    return [f"may not contain '{char}'" for char in "/%" if char in text]


def path_segment_name(text: str) -> list[str]:
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return path_segment_prefix(text)


def _masked(name: str, prefix: bool) -> str:
    """A generateName may end in a dash. Upstream drops one character more than the dash; so does this."""
    return name[:-2] + "a" if prefix and len(name) > 1 and name[-1] == "-" else name


def name_is_dns_subdomain(name: str, prefix: bool) -> list[str]:
    """An object's name (or, with `prefix`, its generateName) as most kinds want it."""
    return dns1123_subdomain(_masked(name, prefix))


def name_is_dns_label(name: str, prefix: bool) -> list[str]:
    return dns1123_label(_masked(name, prefix))


def name_is_dns1035_label(name: str, prefix: bool) -> list[str]:
    return dns1035_label(_masked(name, prefix))


def name_is_path_segment(name: str, prefix: bool) -> list[str]:
    """The least that every kind's name must fulfil."""
    return path_segment_prefix(name) if prefix else path_segment_name(name)
