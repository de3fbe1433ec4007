"""The documentation of this version at `/docs/`: the pages of `docs/`, as HTML to browsers, else as Markdown."""

from graphql_api.http.pages.docs.library import images, pages
from graphql_api.http.pages.docs.routes import documentation_routes

__all__ = ["documentation_routes", "images", "pages"]
