"""A private NGINX: one page, its status page, and an access log that is buffered."""

import http.client
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.process import Server, free_ports, required

__all__ = ["NGINX"]

_CONF = """
daemon off;
master_process on;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    log_format all escape=json '{{"msec":$msec,"remote_addr":"$remote_addr","connection":$connection,'
        '"connection_requests":$connection_requests,"request_method":"$request_method","request_uri":"$request_uri",'
        '"status":$status,"body_bytes_sent":$body_bytes_sent,"request_time":$request_time,'
        '"upstream_response_time":"$upstream_response_time","http_referer":"$http_referer",'
        '"http_user_agent":"$http_user_agent"}}';
    access_log {folder}/access.log {log_format} buffer=64k flush=1s;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "hello\\n"; }}
        location = /nginx_status {{ stub_status; access_log off; }}
    }}
}}
"""


class NGINX(Server):
    """One server.

    Args:
        log_format: of its access log: `combined`, or `all`, which is JSON.
    """

    def __init__(self, folder: Path, log_format: str = "combined") -> None:
        super().__init__("nginx", folder)
        (self.port,) = free_ports(1)
        self.access_log = folder / "access.log"
        self.conf = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""  # who may write into a test's own folder
        self.conf.write_text(_CONF.format(folder=folder, port=self.port, log_format=log_format, user=user))

    def command(self) -> tuple[Sequence[str], Mapping[str, str]]:
        """The server, with everything in its folder."""
        log = str(self.folder / "error.log")
        return [required("nginx", "nginx"), "-p", str(self.folder), "-c", str(self.conf), "-e", log], {}

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            return "Active connections" in self.get("/nginx_status")
        except OSError:
            return False

    def get(self, path: str) -> str:
        """The body of one answer, on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def rotate(self, name: str) -> None:
        """What logrotate does: rename the log, and have NGINX open a new one."""
        self.access_log.rename(self.folder / name)
        os.kill(self.pid, signal.SIGUSR1)

    def quit(self) -> None:
        """End it by and by: what is buffered is written."""
        os.kill(self.pid, signal.SIGQUIT)
        assert self._process is not None
        self._process.wait(30)
