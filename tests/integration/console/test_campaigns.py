"""Campaigns and deliveries in the console."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from campaigns.models import AudienceMember, Campaign, Closing, Delivery, Lateness, RecipientAction
from campaigns.serializers.campaigns import RecipientGiven
from campaigns.services import steering
from campaigns.services.audiences import NewAudience
from campaigns.transitions import close_members
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Organization
from tests import authoring, factories, tenants
from tests import campaigns as made
from tests.factories import COMMAND, NOW

from .conftest import action_of, confirm, list_of, once_in, page_of, select, told

pytestmark = pytest.mark.django_db
ACTIONS = ("preflight", "change", "start", "schedule", "approve", "pause", "resume", "retry", "remind", "cancel")


@pytest.fixture
def organization() -> Organization:
    return factories.organization("Feathers & Sons")


@pytest.fixture
def campaign(organization: Organization) -> Campaign:
    return made.campaign(organization, *tenants.members(organization, 3), name="Loft inspection")


def state_of(campaign: Campaign) -> str:
    return Campaign.objects.get(pk=campaign.pk).state


def started(campaign: Campaign) -> Campaign:
    return steering.start_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)


def test_a_campaigns_page_tells_how_far_it_is(operator: Client, campaign: Campaign) -> None:
    html = operator.get(page_of(campaign)).content.decode()
    assert "It was not started yet" in html
    started(campaign)
    first = campaign.audience.order_by("id")[0]
    close_members([first.pk], Closing.ACKNOWLEDGED, at=NOW)
    answer = operator.get(page_of(campaign))
    html = answer.content.decode()
    assert answer["Refresh"] == "5"
    for text in ("Loft inspection", "1 (33.3%)", "3 (100.0%)", "Send notification", "Under way"):
        assert text in html, text
    listed = operator.get(list_of(Campaign)).context["cl"].result_list[0]
    assert (listed.n_acknowledged, listed.n_missed) == (1, 0)
    steering.cancel_campaign(campaign_id=campaign.pk, actor=COMMAND, now=NOW)
    assert "Refresh" not in operator.get(page_of(campaign))


def test_the_page_before_starting_says_what_it_would_do(operator: Client, campaign: Campaign) -> None:
    html = operator.get(action_of(campaign, "start")).content.decode()
    assert "Of 3 recipients 0 are sent to." in html
    assert "3 without a device." in html
    assert "The member has no device that can be reached." in html
    assert state_of(campaign) == "created"
    report = told(confirm(operator, action_of(campaign, "preflight")))
    assert "Of 3 recipients 0 are sent to." in report


def test_it_is_changed_until_it_is_started(operator: Client, campaign: Campaign) -> None:
    url = action_of(campaign, "change")
    given = {"name": "Inspection", "title": "Today", "sender_name": "Loft", "critical": "on", "reason": "Asked for."}
    quiet = {"quiet_from": "22:00", "quiet_until": "06:30", "rate_per_s": "50"}
    assert operator.get(url).context["form"].initial["name"] == "Loft inspection"
    assert told(confirm(operator, url, **given, **quiet)) == "Inspection is changed."
    campaign.refresh_from_db()
    assert (campaign.title, campaign.critical, str(campaign.quiet_until), campaign.rate_per_s) == (
        "Today", True, "06:30:00", 50
    )  # fmt: skip
    assert AuditEntry.objects.get(action="campaign.update").reason == "Asked for."
    wrong = confirm(operator, url, **given, quiet_from="22:00", quiet_until="", rate_per_s="0")
    assert list(wrong.context["form"].errors) == ["quiet_until", "rate_per_s"]
    started(campaign)
    assert "it no longer changes" in told(confirm(operator, url, **given))


def test_its_recipients_are_looked_at_before_and_after(operator: Client, campaign: Campaign, organization: Any) -> None:
    made.campaign(organization, name="Other")
    ann, bea, _ = campaign.audience.order_by("id")
    AudienceMember.objects.filter(pk=ann.pk).update(variables={"loft": "North"})
    started(campaign)
    close_members([bea.pk], Closing.MISSED, at=NOW)

    def shown(query: str) -> set[int]:
        return {row.pk for row in operator.get(f"{list_of(AudienceMember)}?{query}").context["cl"].result_list}

    def filters(query: str) -> list[str]:
        return [spec.title for spec in operator.get(f"{list_of(AudienceMember)}?{query}").context["cl"].filter_specs]

    of_it = f"campaign__id__exact={campaign.pk}"
    assert (filters(""), filters(of_it)) == (["campaign"], ["campaign", "closing"])
    assert len(shown("")) == 4
    assert len(shown(of_it)) == 3
    assert shown(f"{of_it}&closing__exact=missed") == {bea.pk}
    assert shown(f"q={ann.member.person.email.upper()}") == {ann.pk}
    assert (
        f"{list_of(AudienceMember)}?{of_it}&amp;closing__exact=open" in operator.get(page_of(campaign)).content.decode()
    )
    html = operator.get(page_of(ann)).content.decode()
    for text in ("North", ann.member.person.email, page_of(Delivery.objects.get(recipient=ann))):
        assert text in html, text


def test_a_preview_shows_what_its_recipients_would_be_sent(
    operator: Client, viewer: Client, clerk: Client, organization: Organization
) -> None:
    shift = authoring.template(organization, name="Shift").template
    ann, bea = tenants.members(organization, 2)
    day = {str(ann.pk): {"day": "<b>Monday</b>"}}
    given = NewAudience(
        recipients=[RecipientGiven(str(member.pk), day.get(str(member.pk), {})) for member in (ann, bea)]
    )
    campaign = made.campaign(organization, template_id=shift.pk, audience=given, title="Your shift")
    url = reverse("admin:campaigns_campaign_preview", args=[campaign.pk])
    assert url in operator.get(page_of(campaign)).content.decode()

    def tried(user_ids: str) -> Any:
        return operator.post(url, {"once": once_in(operator.get(url)), "user_ids": user_ids})

    page = tried("")
    first, second = page.context["sheets"]
    assert (first["content"].title, first["recipient"].email) == ("Your shift", ann.person.email)
    assert "&lt;b&gt;Monday" in first["document"].replace("\u200b", "")
    assert "<b>Monday" not in page.content.decode()
    assert second["error"] == "There is no value for {{day}}."
    assert [sheet["recipient"].email for sheet in tried(bea.person.email).context["sheets"]] == [bea.person.email]
    assert list(tried("nobody@customer.example").context["form"].errors) == ["user_ids"]
    assert (viewer.get(url).status_code, clerk.get(url).status_code) == (200, 403)


def test_it_is_steered_from_its_page(operator: Client, campaign: Campaign) -> None:
    schedule = action_of(campaign, "schedule")
    confirm(operator, schedule, scheduled_for="2199-03-18 09:30", lateness="start", reason="")
    assert state_of(campaign) == "scheduled"
    assert Campaign.objects.get(pk=campaign.pk).lateness == Lateness.START
    confirm(operator, schedule, scheduled_for="", lateness="hold", reason="")
    assert state_of(campaign) == "created"
    assert told(confirm(operator, action_of(campaign, "start"), reason="Now.")) == "1 campaign started."
    assert AuditEntry.objects.get(action="campaign.start").reason == "Now."
    assert told(confirm(operator, action_of(campaign, "pause"), reason="Storm.")) == "1 campaign paused."
    assert "0 deliveries are tried again" in told(confirm(operator, action_of(campaign, "retry"), reason=""))
    assert "0 recipients are reminded" in told(confirm(operator, action_of(campaign, "remind"), reason=""))
    assert told(confirm(operator, action_of(campaign, "resume"), reason="")) == "1 campaign resumed."
    assert told(confirm(operator, action_of(campaign, "cancel"), reason="Wrong loft.")) == "1 campaign cancelled."
    assert state_of(campaign) == "cancelled"


def test_a_time_that_has_passed_is_told_at_its_field(operator: Client, campaign: Campaign) -> None:
    answer = confirm(operator, action_of(campaign, "schedule"), scheduled_for="2020-01-01 00:00", lateness="hold")
    assert "This time has passed." in answer.content.decode()
    assert state_of(campaign) == "created"


def test_a_selection_reports_what_was_refused(operator: Client, campaign: Campaign, organization: Any) -> None:
    other = started(made.campaign(organization, name="Other"))
    report = told(select(operator, "start", campaign, other, reason=""))
    assert "1 campaign started." in report
    assert "Other" in report
    assert Delivery.objects.filter(campaign=campaign).count() == 3


def test_a_second_person_approves(operator: Client, campaign: Campaign, settings: LazySettings) -> None:
    settings.CAMPAIGN_FOUR_EYES_RECIPIENTS = 1
    assert "is still to approve" in operator.get(page_of(campaign)).content.decode()
    assert "second person" in told(confirm(operator, action_of(campaign, "start"), reason=""))
    assert told(confirm(operator, action_of(campaign, "approve"), reason="Read it.")) == "1 campaign approved."
    confirm(operator, action_of(campaign, "start"), reason="")
    assert state_of(campaign) == "running"


def test_who_only_reads_changes_nothing(viewer: Client, clerk: Client, campaign: Campaign) -> None:
    assert viewer.get(page_of(campaign)).status_code == 200
    for name in ACTIONS:
        expected = 200 if name == "preflight" else 403
        assert viewer.get(action_of(campaign, name)).status_code == expected, name
        assert clerk.get(action_of(campaign, name)).status_code == 403
    assert clerk.get(list_of(Delivery)).status_code == 403


def test_a_deliverys_page_tells_what_happened(operator: Client, campaign: Campaign) -> None:
    started(campaign)
    delivery = Delivery.objects.select_related("member__person").order_by("id")[0]
    html = operator.get(page_of(delivery)).content.decode()
    for text in (delivery.member.person.email, "queued", "Step send"):
        assert text in html, text
    done = RecipientAction.objects.create(delivery=delivery, action_id="ack", payload=b"with <gloves>", at=NOW)
    assert "with &lt;gloves&gt;" in operator.get(page_of(delivery)).content.decode()
    done.payload = b"\xff"
    done.save()
    assert "/w==" in operator.get(page_of(delivery)).content.decode()


@pytest.mark.parametrize(("query", "n_found"), [("", 4), ("q={campaign}", 3), ("q={delivery}", 1), ("q=x", 0)])
def test_deliveries_are_found(
    operator: Client, campaign: Campaign, organization: Any, query: str, n_found: int
) -> None:
    started(campaign)
    started(made.campaign(organization))
    delivery = Delivery.objects.filter(campaign=campaign).order_by("id")[0]
    url = f"{list_of(Delivery)}?{query.format(campaign=campaign.pk, delivery=delivery.pk)}"
    assert len(operator.get(url).context["cl"].result_list) == n_found


def test_an_organizations_page_lists_its_campaigns(operator: Client, campaign: Campaign, organization: Any) -> None:
    assert "Loft inspection" in operator.get(page_of(organization)).content.decode()
