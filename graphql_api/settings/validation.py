"""What settings must be beyond their type: one of their choices, and in agreement with each other."""

import re
from dataclasses import fields
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from graphql_api.errors import SettingsError
from graphql_api.settings.field import variable

if TYPE_CHECKING:
    from graphql_api.settings import Settings

_ROOT_PATH = re.compile(r"(?:/[\w.~-]+)+/?", re.ASCII)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check(settings: "Settings") -> None:
    """Nothing, or a SettingsError that says what would do."""
    if settings.is_remote:
        _check_upstream(settings)
        _check_key(settings.key().reveal())
    if settings.is_remote and settings.data:
        raise SettingsError("COMPETENT_DATA is for the sandbox and cannot be combined with COMPETENT_UPSTREAM_URL")
    _check_choices(settings)
    if settings.persisted_mode in ("allow", "only") and not settings.persisted:
        raise SettingsError("COMPETENT_PERSISTED_MODE requires manifests: set COMPETENT_PERSISTED")
    settings.origins  # noqa: B018  # raises for what is no origin
    settings.proxies  # noqa: B018  # raises for what is no address
    if settings.root_path and not _ROOT_PATH.fullmatch(settings.root_path):
        raise SettingsError(
            "COMPETENT_ROOT_PATH must be a path such as /competent: beginning with a slash, without a query"
        )
    metrics = settings.metrics
    if not (metrics in ("on", "off") or (metrics.isdecimal() and 0 < int(metrics[:6]) < 65536)):
        raise SettingsError("COMPETENT_METRICS must be on, off or a port number")


def is_network(text: str) -> bool:
    """Whether a text is an address or a network of IP."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _check_choices(settings: "Settings") -> None:
    for each in fields(settings):
        choices = each.metadata["choices"]
        if choices and getattr(settings, each.name) not in (each.default, *choices):
            allowed = " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"
            raise SettingsError(f"{variable(each)} must be {allowed}, not {getattr(settings, each.name)!r}")


def _check_key(key: str) -> None:
    if not (key.isascii() and key.isprintable()):
        raise SettingsError("the key for the Competent API must be one line of printable ASCII characters")


def _check_upstream(settings: "Settings") -> None:
    url = _url(settings.upstream_url)
    if url is None:
        raise SettingsError(
            "COMPETENT_UPSTREAM_URL must be the base URL of a Competent API, such as "
            "https://api.vdab.be/services/opendata/competent/v2"
        )
    loopback = url.hostname in LOOPBACK
    if url.scheme == "http" and not loopback:
        raise SettingsError("COMPETENT_UPSTREAM_URL must use https: the key would be sent unencrypted")
    if not loopback and not settings.key().reveal():
        raise SettingsError(
            "the Competent API requires a key: set COMPETENT_API_KEY or COMPETENT_API_KEY_FILE "
            "(docs/live-api.md says where keys come from), or unset COMPETENT_UPSTREAM_URL to use the sandbox"
        )


def _url(text: str) -> SplitResult | None:
    """The base of an API, without user, query and fragment; None for anything else."""
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        return None
    return url if usable and not (url.query or url.fragment or url.username) else None
