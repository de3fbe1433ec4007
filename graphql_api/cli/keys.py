"""Commands for the keys of clients: key new, key list, key revoke."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from graphql_api.cli.bootstrap import settings_of

if TYPE_CHECKING:
    from graphql_api.http.auth.keys import Keys

keys_command = typer.Typer(help="Keys of clients: new, list, revoke.", no_args_is_help=True, rich_markup_mode=None)


@keys_command.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="Who it is for: letters, digits, dots, dashes and underscores.")],
    per_minute: Annotated[
        int | None,
        typer.Option(min=1, help="Requests a minute that it is good for. [env: COMPETENT_KEY_REQUESTS_PER_MINUTE]"),
    ] = None,
) -> None:
    """Make a key for a client, and print it: it is not kept, and cannot be shown again."""
    key = _keys().new(name, per_minute)
    print(key)
    print("This key is shown only now. Send it as `Authorization: Bearer KEY` or `X-API-Key: KEY`.", file=sys.stderr)


@keys_command.command("list")
def list_keys() -> None:
    """Print who has a key: the name, the public part of the key, when it was made, and requests a minute."""
    for client in _keys().clients():
        print(f"{client.name}\tcgk_{client.id}_…\t{client.made}\t{client.per_minute or '-'}")


@keys_command.command("revoke")
def revoke_key(name: Annotated[str, typer.Argument(help="Whose key.")]) -> None:
    """Make the key of a client worthless, within a second for servers that run."""
    _keys().revoke(name)


def _keys() -> "Keys":
    from graphql_api.http.auth import keys_file
    from graphql_api.http.auth.keys import Keys

    return Keys(keys_file(settings_of()))
