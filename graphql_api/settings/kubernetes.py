"""Recognizes variables that Kubernetes sets in every pod for each Service of its namespace, and that are not settings.

A Service `competent-graphql` sets `COMPETENT_GRAPHQL_SERVICE_HOST`, `COMPETENT_GRAPHQL_PORT` and more, and one named `competent`
even sets `COMPETENT_PORT` (Kubernetes documentation, "Discovering services"). A variable must also have a value as Kubernetes
writes it, so that a misspelled setting is still refused.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address

from graphql_api.settings.field import PREFIX

_SERVICE = rf"{PREFIX}(?:[A-Z0-9_]+_)?"
_HOST = re.compile(rf"{_SERVICE}(?:SERVICE_HOST|PORT_\d+_(?:TCP|UDP|SCTP)_ADDR)")
_NUMBER = re.compile(rf"{_SERVICE}(?:SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)_PORT)")
_PROTOCOL = re.compile(rf"{_SERVICE}PORT_\d+_(?:TCP|UDP|SCTP)_PROTO")
_ADDRESS = re.compile(rf"{_SERVICE}PORT(?:_\d+_(?:TCP|UDP|SCTP))?")
_URL = re.compile(r"(?:tcp|udp|sctp)://(.+):(\d{1,5})")


def service_variables(environment: Mapping[str, str]) -> set[str]:
    """Names of variables with the prefix of settings that Kubernetes set, or Docker links, which have the same form."""
    return {name for name, value in environment.items() if name.startswith(PREFIX) and _is_of_a_service(name, value)}


def _is_of_a_service(name: str, value: str) -> bool:
    if _HOST.fullmatch(name):
        return _is_ip(value)
    if _NUMBER.fullmatch(name):
        return _is_port(value)
    if _PROTOCOL.fullmatch(name):
        return value in ("tcp", "udp", "sctp")
    if _ADDRESS.fullmatch(name) and (url := _URL.fullmatch(value)):
        return _is_ip(url[1].removeprefix("[").removesuffix("]")) and _is_port(url[2])
    return False


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65536
