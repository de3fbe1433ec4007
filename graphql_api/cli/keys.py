"""Commands for client keys: key new, key list, key revoke."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from graphql_api.cli.bootstrap import settings_of

if TYPE_CHECKING:
    from graphql_api.http.auth.keys import Keys

keys_command = typer.Typer(help="Manage client keys: new, list, revoke.", no_args_is_help=True, rich_markup_mode=None)


@keys_command.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="Name of the client: letters, digits, dots, dashes and underscores.")],
    per_minute: Annotated[
        int | None,
        typer.Option(min=1, help="Requests per minute that the key allows. [env: COMPETENT_KEY_REQUESTS_PER_MINUTE]"),
    ] = None,
) -> None:
    """Create a key for a client and print it.

    Only its hash is stored, so it cannot be shown again.
    """
    key = _keys().new(name, per_minute)
    print(key)
    print("This key is shown only now. Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.", file=sys.stderr)


@keys_command.command("list")
def list_keys() -> None:
    """List the clients that have a key.

    Columns: name, public part of the key, creation time, requests per minute.
    """
    for client in _keys().clients():
        print(f"{client.name}\tcgk_{client.id}_…\t{client.made}\t{client.per_minute or '-'}")


@keys_command.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(help="Name of the client.")]) -> None:
    """Revoke a client's key.

    Running servers notice within a second.
    """
    _keys().revoke(name)


def _keys() -> "Keys":
    from graphql_api.http.auth import keys_file
    from graphql_api.http.auth.keys import Keys

    return Keys(keys_file(settings_of()))
