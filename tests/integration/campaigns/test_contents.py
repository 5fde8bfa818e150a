"""Rendered messages are kept once per organization."""

from __future__ import annotations

import random

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from campaigns.models import Content
from campaigns.rendering.compiled import Rendered
from campaigns.rendering.contents import NewContent, content_of, store
from tests import factories
from tests.factories import NOW
from tests.threads import in_threads

ACK = {"id": "ack", "type": "ack", "label": "Got it"}


def content(text: str) -> NewContent:
    return content_of(Rendered("Title", text, f"{text}…", f"**{text}** \\ 'x' %s"), title="", actions=[ACK])


@pytest.mark.django_db
class TestStore:
    def test_equal_content_is_kept_once_in_each_organization(self):
        one, other = factories.organization(), factories.organization()
        batch = [content("a"), content("b"), content("a")]
        ids = store(one.pk, batch, NOW)
        assert set(ids) == {content("a").digest, content("b").digest}
        more = store(one.pk, [content("b"), content("c")], NOW)
        assert more[content("b").digest] == ids[content("b").digest]
        assert Content.objects.filter(organization=one).count() == 3
        assert store(other.pk, batch, NOW).keys() == ids.keys()
        assert Content.objects.count() == 5
        kept = Content.objects.get(pk=ids[content("a").digest])
        assert (kept.title, kept.summary, kept.preview, kept.body) == ("Title", "a", "a…", "**a** \\ 'x' %s")
        assert (kept.actions, kept.created_at, bytes(kept.digest).hex()) == ([ACK], NOW, content("a").content_id)

    def test_nothing_is_nothing(self):
        assert store(factories.organization().pk, [], NOW) == {}

    @pytest.mark.parametrize("size", [1, 1000])
    def test_a_batch_takes_one_statement_or_two(self, size: int):
        organization = factories.organization()
        batch = [content(str(n)) for n in range(size)]
        for n_statements in (1, 2):
            with CaptureQueriesContext(connection) as queries:
                assert len(store(organization.pk, batch, NOW)) == size
            assert len(queries) == n_statements


@pytest.mark.usefixtures("committed_db")
def test_batches_at_once_agree_and_never_wait_for_each_other_in_a_ring():
    organization = factories.organization()

    def keep(number: int) -> dict[bytes, int]:
        batch = [content(str(n)) for n in range(200)]
        random.Random(number).shuffle(batch)
        with transaction.atomic():
            return store(organization.pk, batch, NOW)

    found = in_threads(8, keep)
    assert all(ids == found[0] for ids in found), found
    assert Content.objects.count() == len(found[0]) == 200
