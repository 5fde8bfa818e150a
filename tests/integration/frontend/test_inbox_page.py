"""/inbox as it is served, and the key its browsers subscribe with."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from pytest_django import Settings

from campaigns.push_keys import base64url, pem_of
from ops_console.frontend import VERSION_FILE, build, views
from ops_console.organizations.rights import Right
from ops_console.var_dir import PROJECT
from tests import bearers, factories, pushing, tenants
from tests.fakes.push_service import point_of
from tests.integration.auth.conftest import Caller
from tests.programs import program

# Of scripts, as a browser is sent them.
MOST_BYTES = 150_000


@pytest.fixture
def is_built() -> None:
    """Of what there is now, as make test does."""
    program("node")
    assert (build.BUILT / "inbox.js").exists(), "run 'make inbox' first, as make test does"


@pytest.fixture
def caller(db: None) -> Caller:
    """Somebody signed in with a browser."""
    caller = Caller()
    caller.enter(tenants.member(factories.organization()).person.email, cookie=True)
    return caller


def test_the_page_is_the_same_for_everybody_and_holds_no_inline_code(is_built: None, caller: Caller) -> None:
    answer = caller.get("/inbox?message=1")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert "<style" not in page
    assert "style=" not in page
    version = (build.BUILT / VERSION_FILE).read_text()
    assert page.count("<script") == page.count(f'<script type="module" src="/static/inbox/inbox.js?{version}">') == 1
    assert f'href="/static/inbox/inbox.css?{version}"' in page
    other = Caller()
    other.enter(tenants.member(factories.organization()).person.email, cookie=True)
    assert other.get("/inbox").content == answer.content
    assert caller.post("/inbox").status_code == 405


@pytest.mark.parametrize("path", ["/inbox", "/inbox/worker.js"])
def test_its_policy_lets_nothing_in_but_what_it_brought_along(path: str, is_built: None, caller: Caller) -> None:
    policy = dict(part.split(" ", 1) for part in caller.get(path)["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "inbox" not in caller.get("/signin")["Content-Security-Policy"]
    assert "'none'; script" not in caller.get("/signin")["Content-Security-Policy"]


def test_the_worker_may_stand_before_the_page(is_built: None, client: Client) -> None:
    answer = client.get("/inbox/worker.js")
    assert (answer["Service-Worker-Allowed"], answer["Cache-Control"]) == ("/inbox", "no-cache")
    assert answer["Content-Type"] == "text/javascript"


@pytest.mark.django_db
def test_who_is_not_signed_in_comes_back_to_the_same_message(is_built: None, client: Client) -> None:
    answer = client.get("/inbox?message=1")
    assert (answer.status_code, answer["Location"]) == (302, "/signin?next=%2Finbox%3Fmessage%3D1")


def test_without_node_the_page_says_what_to_do(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "built", lambda name: None)
    answer = client.get("/inbox")
    assert answer.status_code == 503
    assert "make inbox" in answer.content.decode()
    assert client.get("/inbox/worker.js").status_code == 404


def test_building_without_node_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"Node\.js"):
        build.main()


def test_another_release_has_other_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "BUILT", tmp_path)
    template = tmp_path / "inbox.html"
    monkeypatch.setattr(build, "TEMPLATE", template)

    def version_of(page: str, script: str) -> str:
        template.write_text(page)
        for name in build.FILES:
            (tmp_path / name).write_text(f"{script}: {build.VERSION.decode()}")
        build.put_in_version()
        version = (tmp_path / VERSION_FILE).read_text()
        assert {version in (tmp_path / name).read_text() for name in build.FILES} == {True}
        return version

    made = [version_of("page", "script"), version_of("page", "other script"), version_of("other page", "script")]
    assert len(set(made)) == 3
    assert version_of("page", "script") == made[0]


def test_all_script_is_small(is_built: None) -> None:
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in build.BUILT.glob("*.js")}
    assert set(sizes) == {"inbox.js", "recorder.js", "worker.js"}
    assert sum(sizes.values()) < MOST_BYTES, sizes


@pytest.mark.parametrize("project", ["tsconfig.json", "tsconfig.worker.json"])
def test_its_types_hold(project: str, is_built: None) -> None:
    compiler = PROJECT / "node_modules" / ".bin" / "tsc"
    command: list[str | Path] = [compiler, "-p", build.HERE / project]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout


def test_what_is_built_is_never_committed() -> None:
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    for made in (build.GENERATED, build.BUILT.parent):
        assert f"{made.relative_to(PROJECT)}/" in ignored


@pytest.mark.django_db
def test_a_person_reads_the_key_of_his_organization(settings: Settings) -> None:
    house, key = factories.organization(), ec.generate_private_key(ec.SECP256R1())
    mine, other = tenants.member(house), tenants.member(factories.organization())

    def key_for(credential: str) -> tuple[int, object]:
        answer = bearers.BearerClient(credential).send("vapid-key", method="GET")
        return answer.status_code, answer.json().get("publicKey")

    assert key_for(bearers.token_of(mine)) == (200, None)
    pushing.credential(house, "webpush", {"private_key": pem_of(key), "subject": "mailto:a@customer.example"})
    assert key_for(bearers.token_of(mine)) == (200, base64url(point_of(key.public_key())))
    assert key_for(bearers.token_of(other)) == (200, None)
    assert key_for(bearers.key_text(house, Right.ORG_READ))[0] == 403
    assert key_for(bearers.founders_token())[0] == 403
    assert key_for("")[0] == 401
