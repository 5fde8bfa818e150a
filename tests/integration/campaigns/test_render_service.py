"""RenderService: through the pipeline, and over both wires."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, RenderBatchResponse, UserRenderContext
from ops_console.organizations.models import MemberStatus
from ops_console.organizations.rights import Right
from ops_console.rpc.pipeline import Exchange
from ops_console.rpc.routes import routes
from ops_console.rpc.statuses import Refused
from tests import authoring, callers, tenants
from tests.authoring import known_member
from tests.pidgr import Tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant() -> Tenant:
    return Tenant.new()


@pytest.fixture
def key() -> str:
    return callers.service_key("render")


def stream(key: str, request: RenderBatchRequest) -> Iterator[RenderBatchResponse]:
    exchange = Exchange(
        routes()["/pidgr.v1.RenderService/RenderBatch"],
        protocol="tests",
        headers={"authorization": f"Bearer {key}"},
        address="127.0.0.1",
    )
    try:
        exchange.admit(timeout_s=None)
        for response in exchange.stream(RenderBatchRequest.from_binary(request.to_binary())):
            assert isinstance(response, RenderBatchResponse)
            yield RenderBatchResponse.from_binary(response.to_binary())
    finally:
        exchange.end()


def rendered(key: str, template: Any, *users: tuple[Any, dict[str, str]], version: int = 0) -> list[Any]:
    return list(stream(key, asked(template.template_id, *users, version=version)))


def asked(template_id: Any, *users: tuple[Any, dict[str, str]], version: int = 0) -> RenderBatchRequest:
    contexts = [UserRenderContext(user_id=str(user_id), variables=values) for user_id, values in users]
    return RenderBatchRequest(template_id=str(template_id), version=version, users=contexts)


def code(key: str, request: RenderBatchRequest) -> str:
    with pytest.raises(Refused) as refused:
        list(stream(key, request))
    return refused.value.status.code.name


def test_each_user_gets_an_answer_in_the_order_asked(tenant: Tenant, key: str):
    template = authoring.template(tenant.organization)
    ann, bea = known_member(tenant.organization, first_name="Ann"), known_member(tenant.organization)
    stranger = known_member(Tenant.new("Others").organization, first_name="Secret")
    absent = uuid4()
    monday = {"day": "Monday", "unknown": "x"}
    found = rendered(
        key, template, (ann.pk, monday), (stranger.pk, monday), (bea.pk, {}), (absent, monday), (ann.pk, monday)
    )
    assert [response.user_id for response in found] == [str(pk) for pk in (ann.pk, stranger.pk, bea.pk, absent, ann.pk)]
    unknown = "There is no such member in the template's organization."
    assert [response.error for response in found] == ["", unknown, "There is no value for {{day}}.", unknown, ""]
    assert [response.message is None for response in found] == [False, True, True, True, False]
    message = found[0].message
    assert (message.title, message.summary, message.preview) == (
        "Your Monday",
        "Dear Ann,",
        "Dear Ann, you fly on Monday.",
    )
    assert message.body == "Dear **Ann**,\n\nyou fly on Monday."
    assert (message.campaign_id, message.sender_name, message.critical, list(message.actions)) == ("", "", False, [])
    assert message.created_at is not None
    assert len(bytes.fromhex(message.content_id)) == 32
    assert message == found[4].message


def test_values_given_win_over_profiles_and_a_version_can_be_chosen(tenant: Tenant, key: str):
    template = authoring.template(tenant.organization)
    ann = known_member(tenant.organization, first_name="Ann")
    (given,) = rendered(key, template, (ann.pk, {"day": "Monday", "first_name": "<b>"}), version=1)
    assert given.message.body.startswith("Dear **\u200b&lt;b&gt;\u200b**,")
    assert code(key, asked(template.template_id, (ann.pk, {}), version=2)) == "NOT_FOUND"
    assert code(key, asked(template.template_id, (ann.pk, {}), version=-1)) == "INVALID_ARGUMENT"
    assert code(key, asked(uuid4(), (ann.pk, {}))) == "NOT_FOUND"


def test_members_of_every_status_are_rendered_for(tenant: Tenant, key: str):
    template = authoring.template(tenant.organization)
    everybody = [tenants.member(tenant.organization, status=status).pk for status in MemberStatus]
    found = rendered(key, template, *((pk, {"day": "Monday"}) for pk in everybody))
    assert [response.error for response in found] == [""] * len(everybody)


def test_only_programs_with_the_scope_may(tenant: Tenant):
    template = authoring.template(tenant.organization)
    request = asked(template.template_id, (tenant.founder.pk, {"day": "Monday"}))
    for refused in (tenant.key(), tenant.person(*Right), callers.service_key("organizations")):
        assert code(refused, request) == "PERMISSION_DENIED"
    assert code("", request) == "UNAUTHENTICATED"


def test_more_than_10_000_users_and_ids_that_are_none_are_refused(tenant: Tenant, key: str):
    template = authoring.template(tenant.organization)
    users = [(tenant.founder.pk, {"day": "Monday"})]
    assert code(key, asked(template.template_id, *users * 10_001)) == "INVALID_ARGUMENT"
    assert code(key, asked(template.template_id, ("x", {}))) == "INVALID_ARGUMENT"
    assert code(key, asked("x", *users)) == "INVALID_ARGUMENT"


def test_a_body_too_long_is_told_of_its_user_alone(tenant: Tenant, key: str):
    body = "{{day}} " * 100
    template = authoring.template(tenant.organization, body=body, title="", variables=[authoring.DAY])
    found = rendered(key, template, (tenant.founder.pk, {"day": "x" * 1_001}), (tenant.founder.pk, {"day": "x"}))
    assert found[0].error == "With these values the body has more than 100,000 characters."
    assert found[1].error == ""


def test_profiles_are_read_in_batches(tenant: Tenant, key: str):
    template = authoring.template(tenant.organization)
    users = [(member.pk, {"day": "Monday"}) for member in tenants.members(tenant.organization, 20)]
    rendered(key, template, *users[:1])
    counts = []
    for n_repeats in (1, 25, 100):
        with CaptureQueriesContext(connection) as queries:
            found = rendered(key, template, *users * n_repeats)
        assert len(found) == 20 * n_repeats
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[2] == counts[1] + 3


def test_answers_come_as_they_are_ready(tenant: Tenant, key: str):
    template = authoring.template(tenant.organization)
    users = [(tenant.founder.pk, {"day": "Monday"})] * 2_000
    answers = stream(key, asked(template.template_id, *users))
    with CaptureQueriesContext(connection) as queries:
        next(answers)
    assert len([query for query in queries if "organizations_member" in query["sql"] and "IN (" in query["sql"]]) == 1
    assert len(list(answers)) == 1_999
