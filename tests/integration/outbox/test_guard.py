"""The address guard at connect time, with a resolver that says what the test wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from pytest_django import Settings

from ops_console.errors import InvalidInput
from ops_console.outbound.addresses import Address
from ops_console.outbox.addresses import check_url
from ops_console.outbox.client import Caller
from ops_console.outbox.models import Webhook
from tests.fakes.certificates import server_and_client_contexts
from tests.fakes.webhook_receiver import receiving

NAME = "hooks.example.com"


class Resolver:
    """Answers with one list after the other, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, name: str, timeout_s: float) -> list[Address]:
        self.asked.append(name)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ip_address(text) for text in answer]


@pytest.mark.parametrize("rebound", [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["::ffff:127.0.0.1"]])
def test_a_name_that_points_inside_by_now_is_not_connected_to(
    send: Callable[..., Webhook], deliver: Callable[..., int], rebound: list[str]
) -> None:
    with receiving() as receiver:
        url = f"https://{NAME}:{receiver.port}/hook"
        resolver = Resolver(["93.184.215.14"], rebound)
        check_url(url, resolve=resolver)
        webhook = send(url)
        deliver(Caller(resolve=resolver))
        assert receiver.n_connections == 0
    webhook.refresh_from_db()
    assert webhook.status == "failed"
    assert webhook.attempts.get().error == f"{NAME} is or resolves to an address that may not be called."


def test_a_url_stored_while_loopback_was_open_is_refused_once_it_is_closed(
    send: Callable[..., Webhook], deliver: Callable[..., int], settings: Settings
) -> None:
    with receiving() as receiver:
        settings.WEBHOOK_ALLOW_LOOPBACK = True
        webhook = send(receiver.url())
        settings.WEBHOOK_ALLOW_LOOPBACK = False
        deliver()
        assert receiver.n_connections == 0
    webhook.refresh_from_db()
    assert webhook.status == "failed"


def test_tls_is_checked_against_the_name_though_we_connect_to_the_address(
    send: Callable[..., Webhook], deliver: Callable[..., int], tmp_path: Path, open_loopback: None
) -> None:
    server, client = server_and_client_contexts(tmp_path, NAME)
    names: list[str | None] = []
    server.sni_callback = lambda socket, name, context: names.append(name)
    with receiving(server) as receiver:
        webhook = send(receiver.url(host=NAME))
        resolver = Resolver(["127.0.0.1"])
        deliver(Caller(resolve=resolver, ssl_context=client))
        (request,) = receiver.received
        assert request.headers["Host"] == f"{NAME}:{receiver.port}"
    assert names == [NAME]
    assert resolver.asked == [NAME]
    webhook.refresh_from_db()
    assert webhook.status == "delivered"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_certificate_that_does_not_fit_is_refused(
    send: Callable[..., Webhook], deliver: Callable[..., int], tmp_path: Path, open_loopback: None, trusted: bool
) -> None:
    server, client = server_and_client_contexts(tmp_path, "other.example.com")
    with receiving(server) as receiver:
        webhook = send(receiver.url(host="other.example.com" if not trusted else NAME))
        deliver(Caller(resolve=Resolver(["127.0.0.1"]), ssl_context=client if trusted else None))
        assert receiver.received == []
    assert "CERTIFICATE_VERIFY_FAILED" in webhook.attempts.get().error


def test_the_environment_s_proxy_is_not_used(
    send: Callable[..., Webhook],
    deliver: Callable[..., int],
    open_loopback: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        send(receiver.url())
        deliver()
        assert (proxy.n_connections, len(receiver.received)) == (0, 1)


def test_at_creation_a_name_that_points_inside_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_url(f"https://{NAME}/", path=("extras", "callbackUrl"), resolve=Resolver(["10.0.0.7"]))
    assert refusal.value.errors[0].path == ("extras", "callbackUrl")


def test_at_creation_a_name_that_does_not_resolve_is_let_pass() -> None:
    def nobody(name: str, timeout_s: float) -> list[Address]:
        raise TimeoutError

    assert check_url(f"https://{NAME}/", resolve=nobody).host == NAME
