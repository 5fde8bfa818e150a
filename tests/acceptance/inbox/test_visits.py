"""What the inbox tells of a visit once its member has agreed, in a real browser: touches, pictures, a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops_console.organizations.models import Member, MemberStatus
from ops_console.organizations.rights import Right
from tests import tenants
from tests.acceptance.inbox.recorded import Recorded
from tests.acceptance.inbox.touching import OTHER_BODY, Touching
from tests.acceptance.inbox.walking import OFFLINE
from tests.acceptance.inbox.withdrawing import Withdrawing
from tests.browsers import Visitor
from tests.fakes.mail_server import MailServer


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def test_touches_and_pictures_are_told_once_agreed_to(
    visitor: Visitor, mailbox: MailServer, member: Member, media: Path
) -> None:
    visitor.foresee("net::ERR_FAILED")
    walk = Touching(visitor, member)
    other, sent = walk.send(OTHER_BODY), walk.send()
    walk.come_in(mailbox)
    walk.tell_nothing_before_it_is_agreed_to()
    walk.agree()
    walk.lose_an_answer()
    walk.touch_in_every_way(sent)
    walk.take_pictures_that_show_no_words(sent, other, media)
    walk.tell_nothing_twice_at_the_same_time()


def test_a_visit_is_recorded_as_far_as_the_server_takes_it(
    visitor: Visitor, mailbox: MailServer, member: Member, media: Path
) -> None:
    # What the page told as it ended may be told again before that is answered.
    visitor.foresee("409", "413")
    walk = Recorded(visitor, member)
    sent = walk.send()
    walk.choose_elsewhere(touches=True, recording=True)
    walk.come_in(mailbox)
    walk.show_no_words(sent)
    walk.show_words_where_the_organization_says_so()
    walk.lose_nothing_at_the_end_and_begin_another_after_half_an_hour()
    walk.heed_that_the_server_takes_no_more()


def test_what_is_withdrawn_ends(visitor: Visitor, mailbox: MailServer, member: Member, media: Path) -> None:
    visitor.foresee(OFFLINE, "net::ERR_FAILED", "400", "409", "503")
    walk = Withdrawing(visitor, member)
    walk.choose_elsewhere(touches=True, recording=True)
    walk.come_in(mailbox)
    walk.begin_anew_after_a_refusal()
    walk.find_out_by_a_picture()
    walk.find_out_within_a_minute()
    walk.end_at_once_whatever_was_answered_before()
    walk.end_at_once_though_offline()
    walk.leave_in_trouble()
    rights = Right.INBOX_READ, Right.INBOX_ACT
    second = visitor.work(lambda: tenants.member(member.organization, *rights, status=MemberStatus.INVITED))
    other = Withdrawing(visitor, second)
    other.come_in(mailbox)
    other.tell_at_sign_out()
    walk.tell_when_back(mailbox)
