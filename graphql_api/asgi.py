"""The app for any ASGI server, with the settings of the environment: `uvicorn graphql_api.asgi:app`.

docs/operations.md says what only `competent-graphql serve` gives.
"""

import atexit
import logging
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from graphql_api.app import create_app
from graphql_api.errors import CompetentError
from graphql_api.observability.log_setup import begin_logging
from graphql_api.sandbox import WorkbookError, create_sandbox
from graphql_api.services import open_sandbox
from graphql_api.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette


def _create() -> "Starlette":
    """The app; a setting that is wrong ends the process with a sentence, as `serve` does."""
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    try:
        settings = Settings.from_environment().checked()
        begin_logging(settings)
        # Other servers have formats of their own, which may show these; hypercorn's does.
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True
        if settings.is_remote:
            return create_app(settings)
        return create_app(settings, create_sandbox(until_exit.enter_context(closing(open_sandbox(settings)))))
    except (CompetentError, WorkbookError) as error:
        print(f"competent-graphql: {error}", file=sys.stderr)
        raise SystemExit(2) from None


app = _create()
