"""The app for any ASGI server, with settings from the environment: `uvicorn graphql_api.asgi:app`.

docs/operations.md lists what only `competent-graphql serve` provides.
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
    """Create the app. On an invalid setting or workbook, prints the error and exits with 2, as `serve` does."""
    until_exit = ExitStack()
    atexit.register(until_exit.close)
    try:
        settings = Settings.from_environment().checked()
        begin_logging(settings)
        # Log formats of other servers may show these; that of hypercorn does.
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True
        if settings.is_remote:
            return create_app(settings)
        return create_app(settings, create_sandbox(until_exit.enter_context(closing(open_sandbox(settings)))))
    except (CompetentError, WorkbookError) as error:
        print(f"competent-graphql: {error}", file=sys.stderr)
        raise SystemExit(2) from None


app = _create()
