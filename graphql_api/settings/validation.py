"""Validates settings beyond their types: choices, formats and combinations."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from graphql_api.errors import SettingsError
from graphql_api.settings.environment import Setting, variable

_ROOT_PATH = re.compile(r"(?:/[\w.~-]+)+/?", re.ASCII)
_PUBLIC_URL = re.compile(r"https?://(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d+)?((?:/[\w.~-]+)*)/?", re.ASCII)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_remote(upstream_url: str, key: str, data: tuple[Path, ...]) -> None:
    """Raise SettingsError unless URL and key are usable for the Competent API and `data` is empty."""
    _check_upstream(upstream_url, key)
    if not (key.isascii() and key.isprintable()):
        raise SettingsError("the key for the Competent API must be one line of printable ASCII characters")
    if data:
        raise SettingsError("COMPETENT_DATA is for the sandbox and cannot be combined with COMPETENT_UPSTREAM_URL")


def check_choices(values: Mapping[Setting, object]) -> None:
    """Raise SettingsError if a value is neither a choice nor the default of its setting."""
    for setting, value in values.items():
        choices = setting.metadata["choices"]
        if choices and value not in (setting.default, *choices):
            allowed = " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"
            raise SettingsError(f"{variable(setting)} must be {allowed}, not {value!r}")


def check_persisted(mode: str, manifests: tuple[Path, ...]) -> None:
    """Raise SettingsError if a mode needs manifests and there are none."""
    if mode in ("allow", "only") and not manifests:
        raise SettingsError("COMPETENT_PERSISTED_MODE requires manifests: set COMPETENT_PERSISTED")


def check_root_path(path: str) -> None:
    """Raise SettingsError unless the path is empty or valid."""
    if path and not _ROOT_PATH.fullmatch(path):
        raise SettingsError(
            "COMPETENT_ROOT_PATH must be a path such as /competent: beginning with a slash, without a query"
        )


def check_public_url(public_url: str, root_path: str) -> None:
    """Raise SettingsError unless the URL is empty, or a base URL whose path ends with the root path."""
    match = _PUBLIC_URL.fullmatch(public_url)
    if public_url and not (match and _url(public_url)):
        raise SettingsError(
            "COMPETENT_PUBLIC_URL must be an absolute http or https URL without a query, such as "
            "https://example.org/competent"
        )
    if match and not match[1].endswith(root_path.rstrip("/")):
        raise SettingsError(f"COMPETENT_PUBLIC_URL must end with COMPETENT_ROOT_PATH, {root_path}")


def check_metrics(metrics: str) -> None:
    """Raise SettingsError unless the value is `on`, `off` or a port number."""
    if not (metrics in ("on", "off") or (metrics.isdecimal() and 0 < int(metrics[:6]) < 65536)):
        raise SettingsError("COMPETENT_METRICS must be on, off or a port number")


def check_embeddings(embeddings: str, key_file: Path | None) -> None:
    """Raise SettingsError unless the value is `auto`, `off` or a base URL; with a key, an encrypted or local one."""
    if embeddings in ("auto", "off"):
        return
    url = _url(embeddings)
    if url is None:
        raise SettingsError("COMPETENT_EMBEDDINGS must be auto, off, or a base URL such as http://127.0.0.1:8080/v1")
    if key_file and url.scheme == "http" and url.hostname not in LOOPBACK:
        raise SettingsError("COMPETENT_EMBEDDINGS must use https: the key would be sent unencrypted")


def is_network(text: str) -> bool:
    """True if the text is an IP address or network."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _check_upstream(upstream_url: str, key: str) -> None:
    url = _url(upstream_url)
    if url is None:
        raise SettingsError(
            "COMPETENT_UPSTREAM_URL must be the base URL of a Competent API, such as "
            "https://api.vdab.be/services/opendata/competent/v2"
        )
    loopback = url.hostname in LOOPBACK
    if url.scheme == "http" and not loopback:
        raise SettingsError("COMPETENT_UPSTREAM_URL must use https: the key would be sent unencrypted")
    if not loopback and not key:
        raise SettingsError(
            "the Competent API requires a key: set COMPETENT_API_KEY or COMPETENT_API_KEY_FILE "
            "(free, from developer.vdab.be/opendata; see docs/live-api.md), or unset COMPETENT_UPSTREAM_URL to use the sandbox"
        )


def _url(text: str) -> SplitResult | None:
    """The parsed base URL, or None if it is invalid or has a user, query or fragment."""
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        return None
    return url if usable and not (url.query or url.fragment or url.username) else None
