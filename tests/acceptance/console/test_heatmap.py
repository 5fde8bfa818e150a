"""A heatmap in a real browser: drawn over the screen's picture, by keyboard, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils import timezone
from playwright.sync_api import expect

from campaigns.heatmaps import privacy, screenshots
from campaigns.models import Screen
from ops_console.audit.models import AuditEntry
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


def test_staff_see_where_a_screen_is_touched(visitor: Visitor, work: Work, settings: Any, tmp_path: Path):
    settings.MEDIA_ROOT = tmp_path

    def seed() -> tuple[Any, Screen, Any]:
        house, now = factories.organization(), timezone.now()
        crowd = tenants.members(house, 6)
        for who in crowd:
            heatmaps.touch(who, (0.25, 0.25), now=now)
        heatmaps.touch(crowd[0], *[(0.75, 0.75)] * 5, now=now)
        heatmaps.picture(crowd[0])
        return factories.member_of_staff("Operations"), Screen.objects.get(), crowd[0]

    staff, screen, busy = work(seed)
    page = visitor.page
    visitor.sign_in(staff)
    page.get_by_role("link", name="Heatmaps").click()
    page.get_by_role("link", name="Home", exact=True).click()
    expect(page.locator("#heatmap")).to_have_attribute("data-drawn", "1")
    expect(page.get_by_role("img", name="The screen Home")).to_be_visible()
    assert page.evaluate("document.querySelector('.heatmap-screen img').naturalWidth") == 40
    # Six touched the one cell; the other was touched by one alone, and is left out.
    assert page.evaluate(PIXEL, [0.25, 0.25])[3] > 100
    assert page.evaluate(PIXEL, [0.75, 0.75]) == [0, 0, 0, 0]
    expect(page.get_by_role("row", name="25.0% 25.0% 6")).to_be_visible()
    expect(page.get_by_role("img", name="Touches per user")).to_be_visible()
    expect(page.get_by_role("row", name="4 to 7 1")).to_be_visible()
    expect(page.get_by_role("row", name=f"{busy.person.email} 6")).to_be_visible()
    page.locator("#heatmap").press("ArrowRight")
    expect(page.locator("#heatmap-told")).to_have_text("25.0 % from the left, 25.0 % from the top: 6")

    page.get_by_label("Show").select_option("user_specific")
    page.get_by_role("button", name="Show").press("Enter")
    expect(page.get_by_text("The organization has no such member.")).not_to_be_visible()
    expect(page.get_by_text("Name the user.")).to_be_visible()
    page.get_by_label("Member").fill(busy.person.email)
    page.get_by_label("Member").press("Enter")
    expect(page.locator("#heatmap")).to_have_attribute("data-drawn", "1")
    # Warm: more than the others.
    red, _, blue, opacity = page.evaluate(PIXEL, [0.75, 0.75])
    assert red > blue
    assert opacity > 100
    assert work(lambda: AuditEntry.objects.filter(action="heatmap.query_user", actor=staff.email).count()) == 1

    work(
        lambda: privacy.set_min_users(
            min_users=1, organization_id=screen.organization_id, actor=factories.COMMAND, now=timezone.now()
        )
    )
    page.emulate_media(color_scheme="dark")
    visitor.go(f"/admin/campaigns/screen/{screen.pk}/heatmap/?mode=total&resolution=0.1")
    expect(page.locator("#heatmap")).to_have_attribute("data-drawn", "2")
    assert page.evaluate(PIXEL, [0.75, 0.75])[3] > 100
    ground = page.evaluate("getComputedStyle(document.querySelector('.heatmap-screen')).backgroundColor")
    assert ground == "rgb(39, 39, 42)"

    # A screen longer than a canvas can be, up to the last day there is; its last row is narrower than the others.
    def touch_end_of_long_screen() -> Screen:
        heatmaps.touch(busy, (0.5, 0.995), screen="Long", now=timezone.now())
        image, actor = heatmaps.png(100, 16_000), tenants.signed_in(busy)
        screenshots.upload(screen_name="Long", app_version="1", image=image, actor=actor, now=timezone.now())
        return Screen.objects.get(name="Long")

    long = work(touch_end_of_long_screen)
    asked = "mode=total&resolution=0.03&first=2026-01-01&last=9999-12-31"
    visitor.go(f"/admin/campaigns/screen/{long.pk}/heatmap/?{asked}")
    expect(page.locator("#heatmap")).to_have_attribute("data-drawn", "1")
    assert page.evaluate(PIXEL, [0.5, 0.995])[3] > 100
    assert page.evaluate(PIXEL, [0.5, 0.985]) == [0, 0, 0, 0]
