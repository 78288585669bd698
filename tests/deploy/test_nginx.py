"""The configurations of NGINX: NGINX takes them, and sends each request to the right door."""

import http.client
import re

import pytest

from tests import processes
from tests.deploy.manifests import DEPLOY, compose
from tests.servers.process import Server, free_ports, required

FOLDER = DEPLOY / "nginx"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """What deploy/make-secrets makes."""
    folder = tmp_path_factory.mktemp("secrets")
    processes.run([DEPLOY / "make-secrets", folder, "--host", "sink.test"], check=True, capture_output=True)
    return folder


def adapted(text, folder, secrets):
    """A configuration with the places of this machine for those of its own."""
    places = {
        " /tmp/": f" {folder}/",
        "/etc/nginx/eventsink": FOLDER,
        "/etc/eventsink/nginx": FOLDER,
        "/run/secrets/tls_crt": secrets / "tls.crt",
        "/run/secrets/tls_key": secrets / "tls.key",
        "/etc/eventsink/tls/fullchain.pem": secrets / "tls.crt",
        "/etc/eventsink/tls/key.pem": secrets / "tls.key",
        "/dev/stderr": folder / "error.log",
        "SERVER_NAME": "sink.test",
        "        http2 on;\n": "",  # of NGINX 1.25 and newer, as in the image; Debian's is older
    }
    for place, ours in places.items():
        text = text.replace(place, str(ours))
    return text


@pytest.mark.parametrize("name", ["full.conf", "small.conf", "one-machine.conf"])
def test_nginx_takes_it(name, tmp_path, secrets):
    text = adapted((FOLDER / name).read_text(), tmp_path, secrets)
    if name == "one-machine.conf":  # a site: Debian's nginx.conf is around it
        text = f"pid {tmp_path}/nginx.pid;\nevents {{}}\nhttp {{\n{text}\n}}\n"
    (tmp_path / "nginx.conf").write_text(text)
    command = [required("nginx", "nginx"), "-t", "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"]
    done = processes.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


@pytest.mark.parametrize("name", ["full.conf", "small.conf"])
def test_nginx_fits_into_its_container_on_a_machine_of_many_cores(name):
    (count,) = re.findall(r"^worker_processes (\w+);", (FOLDER / name).read_text(), re.MULTILINE)
    service = compose()["services"]["nginx" if name == "full.conf" else "nginx-small"]
    assert int(count) < service["deploy"]["resources"]["limits"]["pids"] / 8, "the health check needs some, too"


@pytest.mark.parametrize("name", ["full.conf", "small.conf", "one-machine.conf"])
def test_metrics_are_not_for_the_world(name, tmp_path):
    (location,) = re.findall(r"^ +(location .*metrics.*?\{.*?\})", (FOLDER / name).read_text(), re.MULTILINE)
    with Doors(tmp_path, location).running() as nginx:
        for path in ("/metrics", "/metrics/", "/metrics?", "//metrics//", "/%6detrics/"):
            assert "404 Not Found" in nginx.door("GET", path), path
        assert nginx.door("GET", "/v1/metrics") == "serve"


class Doors(Server):
    """NGINX with the map of deploy/nginx/doors.conf, which says what it would do.

    Args:
        location: one more, for what it answers itself.
    """

    def __init__(self, folder, location=""):
        super().__init__("doors", folder)
        (self.port,) = free_ports(1)
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ access_log off;"
            f" include {FOLDER}/doors.conf; server {{ listen 127.0.0.1:{self.port};"
            f' {location} location / {{ return 200 "$eventsink_door"; }} }} }}'
        )

    def command(self):
        return [required("nginx", "nginx"), "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf"], {}

    def answers(self):
        try:
            return self.door("GET", "/") == "serve"
        except OSError:
            return False

    def door(self, method, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def test_who_sends_gets_to_the_many_and_who_looks_to_the_one(tmp_path):
    with Doors(tmp_path).running() as nginx:
        for method, path in [
            ("POST", "/v1/events"),
            ("POST", "/v1/events?source=x"),
            ("POST", "/v1/events/users/login"),
            ("POST", "/v1/browser"),
            ("OPTIONS", "/v1/browser"),
            ("GET", "/t.1.js"),
            ("GET", "/v1/heartbeats/nightly"),
        ]:
            assert nginx.door(method, path) == "api", (method, path)
        for method, path in [
            ("GET", "/v1/events"),
            ("GET", "/v1/status"),
            ("POST", "/v1/dead/retry"),
            ("POST", "/v1/eventsandmore"),
            ("GET", "/t.1.js.map"),
            ("GET", "/status"),
        ]:
            assert nginx.door(method, path) == "serve", (method, path)
