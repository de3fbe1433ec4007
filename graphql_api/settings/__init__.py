"""All settings. The server refuses to start with an unknown `COMPETENT_…` variable.

The setting `upstream_url` is read from the environment variable `COMPETENT_UPSTREAM_URL`, and so on. Each is declared once, with
its default, help and section: in `data.py`, `caches.py`, `serving.py` or `graphql.py`. `make docs` writes the tables of
docs/settings.md from these declarations.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from graphql_api.errors import SettingsError
from graphql_api.settings.caches import CacheSettings
from graphql_api.settings.data import DataSettings
from graphql_api.settings.environment import PREFIX, Secret, read, read_key, variable
from graphql_api.settings.graphql import GraphQLSettings
from graphql_api.settings.origins import ANY, LOCAL, NONE, Origins
from graphql_api.settings.serving import ServingSettings
from graphql_api.settings.validation import (
    LOOPBACK,
    check_choices,
    check_embeddings,
    check_metrics,
    check_persisted,
    check_public_url,
    check_remote,
    check_root_path,
    is_network,
)

__all__ = ["PREFIX", "Settings", "variable"]


@dataclass(frozen=True)
class Settings(GraphQLSettings, ServingSettings, CacheSettings, DataSettings):
    """All settings, with defaults. Times are in seconds, sizes in bytes."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read all settings. Raises SettingsError, which lists all faults."""
        return cls(**read(fields(cls), environment))

    @property
    def is_remote(self) -> bool:
        """True if the Competent API is called over the network, False if the sandbox in this process is used."""
        return bool(self.upstream_url)

    def absolute_url(self, path: str) -> str | None:
        """The absolute address of a path of this server, such as `id/3.11`; None if COMPETENT_PUBLIC_URL is unset.

        No address derives from the `Host` header, because responses are cached and a client can send any host.
        """
        return f"{self.public_url.rstrip('/')}/{path}" if self.public_url else None

    @property
    def origins(self) -> Origins:
        """The origins of web pages that may use this server. Raises SettingsError for an invalid origin."""
        origins = [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]
        if not origins and self.host in LOOPBACK and self.access == "off":
            origins = list(LOCAL)
        try:
            return Origins(origins if origins != [NONE] else ())
        except ValueError as error:
            raise SettingsError(
                f"COMPETENT_CORS_ORIGINS: {str(error)!r} is not an origin; write it as a browser does, https://example.org, "
                "with `*.` only before a host and `:*` only after it"
            ) from None

    @property
    def proxies(self) -> list[str]:
        """Addresses and networks of trusted proxies. Raises SettingsError for an invalid one."""
        addresses = [address.strip() for address in self.trusted_proxies.split(",") if address.strip()]
        if addresses == [NONE]:
            return []
        for address in addresses:
            if address != ANY and not is_network(address):
                raise SettingsError(
                    f"COMPETENT_TRUSTED_PROXIES: {address!r} is neither an address nor a network such as 10.0.0.0/8"
                )
        return [ANY] if ANY in addresses else addresses

    def checked(self) -> "Settings":
        """Return these settings. Raises SettingsError if one is invalid or two contradict each other."""
        if self.is_remote:
            check_remote(self.upstream_url, self.key().reveal(), self.data)
        check_choices({setting: getattr(self, setting.name) for setting in fields(self)})
        check_persisted(self.persisted_mode, self.persisted)
        self.origins  # noqa: B018  # raises SettingsError for an invalid origin
        self.proxies  # noqa: B018  # raises SettingsError for an invalid address
        check_root_path(self.root_path)
        check_public_url(self.public_url, self.root_path)
        check_metrics(self.metrics)
        check_embeddings(self.embeddings, self.embeddings_key_file)
        return self

    def key(self) -> Secret:
        """The key for the Competent API, from COMPETENT_API_KEY or its file; empty if neither is set."""
        return (
            self.api_key
            if self.api_key.reveal() or self.api_key_file is None
            else read_key(self.api_key_file, "API_KEY_FILE")
        )
