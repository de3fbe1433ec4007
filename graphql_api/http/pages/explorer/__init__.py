"""The explorer: pages for people in four languages, each made of one GraphQL operation of this server."""

from graphql_api.http.pages.explorer.routes import Explorer
from graphql_api.http.pages.explorer.visit import Site

__all__ = ["Explorer", "Site"]
