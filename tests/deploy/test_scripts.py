"""The scripts of deploy/: what shellcheck says, what they answer, and the secrets that they make."""

import base64
import hashlib
import json
import ssl

import pytest

from tests import processes
from tests.deploy.manifests import DEPLOY, compose, program
from tests.servers.process import required

SCRIPTS = ["install.sh", "make-secrets", "try-on-debian", "systemd/eventsink.sh"]


def run(*words):
    return processes.run(words, capture_output=True, text=True)


def test_shellcheck_finds_no_fault():
    done = run(program("shellcheck"), *(DEPLOY / name for name in SCRIPTS))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SCRIPTS[:3])
def test_a_script_says_what_it_does_and_what_it_does_not_know(name):
    said = run(DEPLOY / name, "--help")
    assert said.returncode == 0
    assert f"deploy/{name}" in said.stdout and "set -" not in said.stdout
    wrong = run(DEPLOY / name, "--frobnicate")
    assert wrong.returncode == 2
    assert f"deploy/{name}" in wrong.stderr


def test_install_names_what_is_missing():
    done = run(DEPLOY / "install.sh", "--certificate", "/nowhere/cert.pem")
    assert done.returncode == 1
    assert "--certificate and --key go together" in done.stderr


def of_install(script, **variables):
    """Run a few lines with the functions of install.sh, and variables of its own."""
    functions = (DEPLOY / "install.sh").read_text().removesuffix('main "$@"\n')
    values = "".join(f"{name}='{value}'\n" for name, value in variables.items())
    return run("bash", "-c", f"{functions}\n{values}{script}")


def test_install_makes_the_environment_of_a_python_that_is_gone_anew(tmp_path):
    program = tmp_path / "program"
    made = run("python3", "-m", "venv", "--without-pip", program)
    assert made.returncode == 0, made.stderr
    (lib,) = program.glob("lib/python3.*")
    lib.rename(lib.with_name("python3.0"))  # as after an upgrade of Debian
    done = of_install("make_environment && pip --version", program=program)
    assert done.returncode == 0, done.stderr
    assert f"{program}/lib/{lib.name}" in done.stdout
    (program / "kept").touch()
    assert of_install("make_environment", program=program).returncode == 0
    assert (program / "kept").exists(), "one that is well stays"


def test_install_has_nginx_read_a_certificate_that_is_new(tmp_path):
    for name in ("cert", "key"):
        (tmp_path / name).write_text(name)
    script = 'put() { ! cmp -s "$1" "$2" && cp "$1" "$2"; }\nnginx_changed=no\nmake_certificate\necho "$nginx_changed"'
    values = {"etc": tmp_path / "etc", "certificate": tmp_path / "cert", "key": tmp_path / "key"}
    first, again = (of_install(script, **values) for _ in range(2))
    assert (first.stdout.split()[-1], again.stdout.split()[-1]) == ("yes", "no"), first.stderr + again.stderr


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("make") / "secrets"
    first = run(DEPLOY / "make-secrets", folder, "--host", "sink.test")
    assert first.returncode == 0, first.stderr
    return folder


def test_secrets_are_for_their_owner_and_stay(secrets):
    assert secrets.stat().st_mode & 0o777 == 0o700, "in it, files are for all: containers have users of their own"
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    (secrets / "grafana_password").unlink()
    again = run(DEPLOY / "make-secrets", secrets)
    assert again.stderr.startswith("1 files made")
    after = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert [name for name in after if after[name] != before[name]] == ["grafana_password"]
    files = {secret["file"].removeprefix("./secrets/") for secret in compose()["secrets"].values()}
    assert files - {"monitor_key"} <= set(after)
    assert len(set(after.values())) == len(after)


def test_the_certificate_is_for_the_host(secrets):
    context = ssl.create_default_context(cafile=secrets / "tls.crt")
    (found,) = context.get_ca_certs()
    assert ("DNS", "sink.test") in found["subjectAltName"]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(secrets / "tls.crt", secrets / "tls.key")


def test_rabbitmq_lets_in_who_has_the_password_and_to_no_more_than_it_needs(secrets, rabbitmq):
    definitions = json.loads((secrets / "rabbitmq_definitions.json").read_text())
    password = (secrets / "rabbitmq_password").read_text().strip()
    salted = base64.b64decode(definitions["users"][0]["password_hash"])
    assert salted[4:] == hashlib.sha256(salted[:4] + password.encode()).digest()
    assert password in (secrets / "exchange_url").read_text()
    try:
        status, answer = rabbitmq.manage("POST", "/api/definitions", definitions)
        assert status in (200, 204), answer
        assert rabbitmq.control("list_permissions", "-p", "clowder").count("eventsink") == 1
        required("rabbitmqctl", "rabbitmq-server")
        assert "Success" in rabbitmq.control("authenticate_user", "eventsink", password)
        _, user = rabbitmq.manage("GET", "/api/users/eventsink")
        assert set(user["tags"]) == {"policymaker", "monitoring"}
        _, granted = rabbitmq.manage("GET", "/api/permissions/clowder/eventsink")
        assert granted["configure"] == r"clowder\.metrics.*|events\..*|amq\..*"
    finally:
        rabbitmq.manage("DELETE", "/api/vhosts/clowder")
        for name in ("eventsink", "clowder"):
            rabbitmq.manage("DELETE", f"/api/users/{name}")
