"""The app of one of several processes."""

import logging
from typing import TYPE_CHECKING

from graphql_api.errors import SettingsError
from graphql_api.observability.log_setup import begin_logging
from graphql_api.server.uvicorn_server import drain_first, pause_shortly
from graphql_api.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

log = logging.getLogger("graphql_api.server")


def worker() -> "Starlette":
    """The app of one of several processes, made from the environment that the first one wrote.

    What was usable when the first process looked may be gone when this one is started anew: that ends it with a sentence.
    """
    try:
        return _worker()
    except SettingsError as error:
        log.error("this process cannot start: %s", error)
        raise SystemExit(2) from None


def _worker() -> "Starlette":
    from graphql_api.app import create_app
    from graphql_api.sandbox import create_sandbox
    from graphql_api.services import open_sandbox

    settings = Settings.from_environment().checked()
    begin_logging(settings)
    app = create_app(settings, None if settings.is_remote else create_sandbox(open_sandbox(settings)))
    drain_first(app.state.stopping, settings.drain)
    pause_shortly()
    return app
