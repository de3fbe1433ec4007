"""nginx as the Competent API: sends the files of a release, optionally delayed, and optionally logs requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers import free_port
from benchmarks.speed.processes import OTHER_CORE, Missing, needed, running, wait_for

_LUA = ("/usr/lib/nginx/modules/ndk_http_module.so", "/usr/lib/nginx/modules/ngx_http_lua_module.so")
_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

_CONFIGURATION = """
{modules}
daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 4096; }}
http {{
  {temporary}
  types {{ }}
  default_type application/hal+json;
  log_format asked '$request_uri';
  access_log {access};
  sendfile on;
  tcp_nodelay on;
  keepalive_timeout 600;
  keepalive_requests 1000000000;
  open_file_cache max=4000 inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_errors on;
  map $args $document {{ "" $uri.json; default $uri/$args.json; }}
  server {{
    listen 127.0.0.1:{port} backlog=1024;
    root {documents};
    add_header Cache-Control "public, max-age=86400";
    location / {{ {delay} try_files $document =404; }}
  }}
}}
"""


class Upstream:
    """The URL of the upstream, and the requests that it got."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log
        self._read = 0

    def requested_paths(self) -> list[str]:
        """The paths and queries requested since the last call; empty if requests are not logged."""
        paths = self._log.read_text().splitlines() if self._log.is_file() else []
        new, self._read = paths[self._read :], len(paths)
        return new


@contextmanager
def serving(documents: Path, folder: Path, delay: float = 0.0, logged: bool = False) -> Iterator[Upstream]:
    """Run nginx with these documents; responses are delayed by `delay` seconds, and `logged` logs requests."""
    folder.mkdir(parents=True)
    for item in (folder, documents):
        item.chmod(0o755)  # if run as root, nginx's worker has another user
    nginx, port, log = needed("nginx", "nginx"), free_port(), folder / "asked.log"
    if delay and not Path(_LUA[1]).is_file():
        raise Missing("nginx cannot answer late: apt-get install libnginx-mod-http-lua")
    configuration = _CONFIGURATION.format(
        modules="".join(f"load_module {module};\n" for module in _LUA) if delay else "",
        folder=folder,
        temporary="\n  ".join(f"{name}_temp_path {folder}/{name};" for name in _FOLDERS),
        access=f"{log} asked" if logged else "off",
        port=port,
        documents=documents,
        delay=f"access_by_lua_block {{ ngx.sleep({delay}) }}" if delay else "",
    )
    (folder / "nginx.conf").write_text(configuration)
    command = [nginx, "-p", str(folder), "-e", str(folder / "nginx.log"), "-c", str(folder / "nginx.conf")]
    with running(command, OTHER_CORE, folder / "stderr.log") as process:
        wait_for(port, process, folder / "nginx.log")
        yield Upstream(f"http://127.0.0.1:{port}", log)
