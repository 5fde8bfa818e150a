"""Rendering for members outside a campaign: batches for other programs, and previews."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from campaigns.models import Template, TemplateVersion
from campaigns.rendering.compiled import CannotRender, Compiled, compiled
from campaigns.rendering.contents import NewContent, content_of
from campaigns.rendering.recipients import Recipient, recipients
from campaigns.rendering.values import values_for
from campaigns.services.templates import get_template, newest_if_zero
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import InvalidInput, NotFound

MOST_AT_ONCE = 10_000
MOST_PREVIEWED = 20
# Members whose profiles are read, and held, together.
BATCH = 500


@dataclass(frozen=True)
class Wanted:
    """A member to render for, with values of his own."""

    user_id: UUID
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Rendering:
    """One member's message, or in words why there is none. ``recipient`` is None for one nobody knows."""

    user_id: UUID
    content: NewContent | None = None
    error: str = ""
    recipient: Recipient | None = None


def render_batch(*, template_id: UUID, version: int = 0, users: Sequence[Wanted], actor: Actor) -> Iterator[Rendering]:
    """Render for members of the template's organization, in their order, each as soon as it is asked for.

    What fails for one member is told in his answer. One query for 500 members, beside two.

    Raises:
        Forbidden: the actor is no program with the scope ``render``.
        InvalidInput: at ``version`` or ``users``.
        NotFound: there is no such template or version.
    """
    policy.require(actor, "templates", "render")
    if len(users) > MOST_AT_ONCE:
        raise InvalidInput.field("users", message=f"At most {MOST_AT_ONCE:,} at once.", code="too_many")
    template = Template.objects.filter(pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template.")
    ready = compiled(template_id=template_id, version=newest_if_zero(template, version))
    yield from _render_all(ready, template.organization_id, users)


def preview(
    *,
    template_id: UUID,
    version: int = 0,
    user_ids: Sequence[UUID],
    variables: Mapping[str, str],
    actor: Actor,
) -> tuple[TemplateVersion, list[Rendering]]:
    """Show what up to 20 members would be sent, in their order, with their profiles and the values given for all.

    Sends and keeps nothing.

    Raises:
        Forbidden: the actor may not see templates, or members.
        InvalidInput: at ``version`` or ``user_ids``.
        NotFound: the actor's organization has no such template, or that no such version.
    """
    shown = get_template(template_id=template_id, version=version, actor=actor)
    policy.require(actor, "members", "list")
    if len(user_ids) > MOST_PREVIEWED:
        raise InvalidInput.field("user_ids", message=f"At most {MOST_PREVIEWED} at once.", code="too_many")
    ready = compiled(template_id=template_id, version=shown.version)
    users = [Wanted(user_id, variables) for user_id in user_ids]
    return shown, list(_render_all(ready, shown.template.organization_id, users))


def render_for(
    ready: Compiled,
    recipient: Recipient,
    *,
    audience: Mapping[str, str],
    custom: Mapping[str, str],
    title: str = "",
    actions: Sequence[Mapping[str, str]] = (),
) -> Rendering:
    """One member's message, or why there is none. ``title``, if there is one, stands for the template's."""
    values = values_for(
        ready,
        audience=audience,
        custom=custom,
        profile=recipient.profile,
        name=recipient.name,
        email=recipient.email,
    )
    try:
        content = content_of(ready.render(values), title=title, actions=actions)
    except CannotRender as error:
        return Rendering(recipient.id, error=error.message, recipient=recipient)
    return Rendering(recipient.id, content=content, recipient=recipient)


def _render_all(ready: Compiled, organization_id: UUID, users: Sequence[Wanted]) -> Iterator[Rendering]:
    rest = iter(users)
    while batch := list(islice(rest, BATCH)):
        known = recipients(organization_id, [wanted.user_id for wanted in batch])
        for wanted in batch:
            yield _render(ready, wanted, known.get(wanted.user_id))


def _render(ready: Compiled, wanted: Wanted, recipient: Recipient | None) -> Rendering:
    if recipient is None:
        return Rendering(wanted.user_id, error="There is no such member in the template's organization.")
    return render_for(ready, recipient, audience=wanted.variables, custom={})
