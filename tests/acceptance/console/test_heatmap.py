"""A heatmap in a real browser: drawn over the screen's picture, by keyboard, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import expect

from campaigns.heatmaps import privacy, screenshots
from campaigns.models import Screen
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Member, Person
from tests import factories, heatmaps, tenants
from tests.browsers import Visitor, Work

# By a copy: the page's own canvas is made for drawing.
PIXEL = """
([x, y]) => {
    const canvas = document.getElementById('heatmap'), copy = document.createElement('canvas');
    [copy.width, copy.height] = [canvas.width, canvas.height];
    const context = copy.getContext('2d', {willReadFrequently: true});
    context.drawImage(canvas, 0, 0);
    return [...context.getImageData(x * copy.width, y * copy.height, 1, 1).data];
}
"""


@dataclass
class Seeded:
    staff: Person
    screen: Screen
    # The only one who touched its lower right.
    busy: Member


def seed() -> Seeded:
    house, now = factories.organization(), timezone.now()
    crowd = tenants.members(house, 6)
    for who in crowd:
        heatmaps.touch(who, (0.25, 0.25), now=now)
    heatmaps.touch(crowd[0], *[(0.75, 0.75)] * 5, now=now)
    heatmaps.picture(crowd[0])
    return Seeded(factories.member_of_staff("Operations"), Screen.objects.get(), crowd[0])


def test_staff_see_where_a_screen_is_touched(visitor: Visitor, work: Work, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    seeded: Seeded = work(seed)
    visitor.sign_in(seeded.staff)
    see_touches_of_all(visitor, seeded.busy)
    see_one_beside_the_others(visitor, seeded.busy)
    by_staff = AuditEntry.objects.filter(action="heatmap.query_user", actor=seeded.staff.email)
    assert work(by_staff.count) == 1
    see_touches_of_few_in_the_dark(visitor, work, seeded.screen)
    see_the_end_of_a_long_screen(visitor, work, seeded.busy)


def see_touches_of_all(visitor: Visitor, busy: Member) -> None:
    page = visitor.page
    page.get_by_role("link", name="Heatmaps").click()
    page.get_by_role("link", name="Home", exact=True).click()
    wait_until_drawn(visitor, n_cells=1)
    expect(page.get_by_role("img", name="The screen Home")).to_be_visible()
    page.wait_for_function("document.querySelector('.heatmap-screen img').naturalWidth === 40")
    # Six touched the one cell; the other was touched by one alone, and is left out.
    assert pixel(visitor, 0.25, 0.25)[3] > 100
    assert pixel(visitor, 0.75, 0.75) == [0, 0, 0, 0]
    expect(page.get_by_role("row", name="25.0% 25.0% 6")).to_be_visible()
    expect(page.get_by_role("img", name="Touches per user")).to_be_visible()
    expect(page.get_by_role("row", name="4 to 7 1")).to_be_visible()
    expect(page.get_by_role("row", name=f"{busy.person.email} 6")).to_be_visible()
    page.locator("#heatmap").press("ArrowRight")
    expect(page.locator("#heatmap-told")).to_have_text("25.0 % from the left, 25.0 % from the top: 6")


def see_one_beside_the_others(visitor: Visitor, busy: Member) -> None:
    page = visitor.page
    page.get_by_label("Show").select_option("user_specific")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_text("Name the user.")).to_be_visible()
    expect(page.get_by_text("The organization has no such member.")).not_to_be_visible()
    page.get_by_label("Member").fill(busy.person.email)
    page.get_by_label("Member").press("Enter")
    # It is the next page.
    expect(page.get_by_text("Name the user.")).to_have_count(0)
    wait_until_drawn(visitor, n_cells=1)
    # Warm: more than the others.
    red, _, blue, opacity = pixel(visitor, 0.75, 0.75)
    assert red > blue
    assert opacity > 100


def see_touches_of_few_in_the_dark(visitor: Visitor, work: Work, screen: Screen) -> None:
    def show_all() -> None:
        owner_id, now = screen.organization_id, timezone.now()
        privacy.set_min_users(min_users=1, organization_id=owner_id, actor=factories.COMMAND, now=now)

    work(show_all)
    visitor.page.emulate_media(color_scheme="dark")
    visitor.go(f"/admin/campaigns/screen/{screen.pk}/heatmap/?mode=total&resolution=0.1")
    wait_until_drawn(visitor, n_cells=2)
    assert pixel(visitor, 0.75, 0.75)[3] > 100
    expect(visitor.page.locator(".heatmap-screen")).to_have_css("background-color", "rgb(39, 39, 42)")


def see_the_end_of_a_long_screen(visitor: Visitor, work: Work, who: Member) -> None:
    """One longer than a canvas can be, up to the last day there is; its last row is narrower than the others."""

    def touch_end() -> Screen:
        heatmaps.touch(who, (0.5, 0.995), screen="Long", now=timezone.now())
        image, actor = heatmaps.png(100, 16_000), tenants.signed_in(who)
        screenshots.upload(screen_name="Long", app_version="1", image=image, actor=actor, now=timezone.now())
        return Screen.objects.get(name="Long")

    long = work(touch_end)
    asked = "mode=total&resolution=0.03&first=2026-01-01&last=9999-12-31"
    visitor.go(f"/admin/campaigns/screen/{long.pk}/heatmap/?{asked}")
    wait_until_drawn(visitor, n_cells=1)
    assert pixel(visitor, 0.5, 0.995)[3] > 100
    assert pixel(visitor, 0.5, 0.985) == [0, 0, 0, 0]


def wait_until_drawn(visitor: Visitor, *, n_cells: int) -> None:
    expect(visitor.page.locator("#heatmap")).to_have_attribute("data-drawn", str(n_cells))


def pixel(visitor: Visitor, x: float, y: float) -> list[int]:
    """Red, green, blue and opacity of the heatmap there."""
    found: list[int] = visitor.page.evaluate(PIXEL, [x, y])
    return found
