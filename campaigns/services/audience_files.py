"""Finding the members that an audience file names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from campaigns.audience_files import EMAIL, NamedRecipient, read_audience
from campaigns.services.audiences import FAULTS, MOST_NAMED, MOST_RECIPIENTS
from campaigns.services.campaigns import owner_of
from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.errors import FieldError, InvalidInput
from ops_console.imports.rows import BadHeader, BadRow, GoodRow
from ops_console.organizations.models import Member, MemberStatus, Person

# Rows looked up by one query.
BATCH = 1000


@dataclass(frozen=True, slots=True)
class FoundRecipient:
    user_id: str
    variables: Mapping[str, str]


class AudienceGatherer:
    """Takes the rows of a file batch by batch, and keeps the recipients they name: 100,000 at most."""

    def __init__(self, *, actor: Actor, organization_id: UUID | None = None) -> None:
        """Staff name the organization.

        Raises:
            Forbidden: the actor may not make campaigns.
            InvalidInput: there is no such organization.
        """
        policy.require(actor, "campaigns", "create")
        self.actor = actor
        self.organization_id = owner_of(actor, organization_id).pk
        self.recipients: list[FoundRecipient] = []
        self._seen: set[UUID] = set()

    def add(self, rows: Sequence[GoodRow[NamedRecipient]]) -> list[BadRow]:
        """Keep the recipients of some rows, and return the rows that name nobody new. Two queries.

        Raises:
            Forbidden: rows name addresses, and the actor may not see who is a member.
            InvalidInput: at ``audience``: they are too many.
        """
        known = self._known([row.value for row in rows])
        bad = []
        for row in rows:
            pk, status = known.get(row.value.name, (None, ""))
            if fault := self._fault(pk, status):
                bad.append(BadRow(row.line, f"{row.value.column} {row.value.name}: {fault}"))
            elif pk is not None:
                self._seen.add(pk)
                self.recipients.append(FoundRecipient(str(pk), row.value.variables))
        if len(self.recipients) > MOST_RECIPIENTS:
            message = f"A campaign has at most {MOST_RECIPIENTS:,} recipients."
            raise InvalidInput.field("audience", message=message, code="too_many")
        return bad

    def _fault(self, pk: UUID | None, status: str) -> str | None:
        if pk is None:
            return FAULTS["unknown"]
        if status == MemberStatus.DEACTIVATED:
            return FAULTS["deactivated"]
        return FAULTS["duplicate"] if pk in self._seen else None

    def _known(self, wanted: Sequence[NamedRecipient]) -> dict[str, tuple[UUID, str]]:
        """Id and status of the organization's members, by how the rows name them."""
        if not wanted:
            return {}
        members = Member.objects.filter(organization=self.organization_id)
        names = [recipient.name for recipient in wanted]
        if wanted[0].column == EMAIL:
            policy.require(self.actor, "members", "list")
            # Not joined: where the planner knows little, it would read the whole organization for each batch.
            emails = dict(Person.objects.filter(email__in=names).values_list("pk", "email"))
            found = members.filter(person__in=list(emails)).values_list("person", "pk", "status")
            return {emails[person]: (pk, status) for person, pk, status in found}
        return {str(pk): (pk, status) for pk, status in members.filter(pk__in=names).values_list("pk", "status")}


def recipients_in(
    lines: Iterable[str], *, actor: Actor, organization_id: UUID | None = None
) -> Sequence[FoundRecipient]:
    """The recipients an audience file names; of those who are given, every one.

    Raises:
        Forbidden: as ``AudienceGatherer``.
        InvalidInput: as it; or rows are bad: the first 20 are named by line, at ``audience`` and the line.
    """
    gatherer = AudienceGatherer(actor=actor, organization_id=organization_id)
    bad: list[BadRow] = []
    n_bad = 0
    try:
        rows = read_audience(lines)
        while batch := list(islice(rows, BATCH)):
            refused = gatherer.add([row for row in batch if isinstance(row, GoodRow)])
            found = sorted([*refused, *(row for row in batch if isinstance(row, BadRow))], key=lambda row: row.line)
            n_bad += len(found)
            bad += found[: MOST_NAMED - len(bad)]
    except BadHeader as error:
        raise InvalidInput.field("audience", message=str(error), code="bad_header") from None
    if bad:
        raise InvalidInput(_faults(bad, n_bad))
    if not gatherer.recipients:
        raise InvalidInput.field("audience", message="The file names nobody.", code="required")
    return gatherer.recipients


def _faults(bad: Sequence[BadRow], n_bad: int) -> list[FieldError]:
    faults = [FieldError(("audience", row.line), f"Line {row.line}: {row.reason}", "bad_row") for row in bad]
    if n_bad > len(bad):
        told = f"So are {n_bad - len(bad):,} more, which are not named here."
        faults.append(FieldError(("audience",), told, "more"))
    return faults
