"""The demo: customers, address books and a queue that starts to fly while a newcomer looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from messages.drafts import Address, Content, Destination, Extras, MessageDraft, Timeframe
from messages.models import Message, Priority, Recipient
from messages.services.imports import import_messages
from messages.services.recipients import create_recipient
from messages.services.steering import hold_messages
from ops_console.access.actors import Actor
from ops_console.access.onboarding import open_customer
from ops_console.access.services import create_account_credential
from ops_console.ledger.models import Account
from ops_console.organizations.demo import load_members
from ops_console.organizations.demo_rosters import load_rosters
from ops_console.organizations.models import Organization
from ops_console.regions import Region

ACTOR = Actor.command("loaddemo")
BATCH = 50
ROUNDS = 4


@dataclass(frozen=True)
class DemoCustomer:
    organization: str
    admin_email: str
    username: str
    region: Region
    # City, state or province, country.
    cities: Sequence[tuple[str, str, str]]


# The document's account comes first: its credential is the one to try.
CUSTOMERS = (
    DemoCustomer(
        "Feather Fan Club",
        "club@feathers.example",
        "featherfan92",
        Region.US_SW,
        (
            ("Amarillo", "TX", "US"),
            ("Lubbock", "TX", "US"),
            ("Albuquerque", "NM", "US"),
            ("Las Cruces", "NM", "US"),
            ("El Paso", "TX", "US"),
            ("Denver", "CO", "US"),
            ("Chicago", "IL", "US"),
            ("Boston", "MA", "US"),
            ("London", "", "GB"),
            ("McMurdo Station", "", "AQ"),
        ),
    ),
    DemoCustomer(
        "Southern Post",
        "post@southern.example",
        "southern-post",
        Region.OC_AU,
        (
            ("Melbourne", "", "AU"),
            ("Sydney", "", "AU"),
            ("Auckland", "", "NZ"),
            ("Suva", "", "FJ"),
            ("Tokyo", "", "JP"),
            ("Nairobi", "", "KE"),
            ("Lima", "", "PE"),
            ("Reykjavik", "", "IS"),
        ),
    ),
)
DOMAIN = CUSTOMERS[0].admin_email.partition("@")[2]
TEXTS = (
    "The seeds have arrived, send more sacks.",
    "Happy birthday! The whole loft sends its coos.",
    "Race on Sunday at seven. Bring the small basket.",
    "Please confirm the order of twelve leg rings.",
)


@dataclass(frozen=True)
class DemoLogin:
    """What a client of the demo signs in with."""

    account: str
    auth_id: str
    auth_key: str


def n_messages() -> int:
    return sum(len(customer.cities) for customer in CUSTOMERS) * ROUNDS


def load_customers(*, now: datetime) -> DemoLogin:
    """Make the customers that are missing, and a login for the first of them."""
    logins = [_login(customer, now=now) for customer in CUSTOMERS]
    return logins[0]


def load_colleagues(*, now: datetime) -> int:
    """Add the members, teams and groups that the first customer's organization misses.

    Returns how many members it has beside its founder.
    """
    organization = first_organization()
    n_members = load_members(organization, domain=DOMAIN, now=now)
    load_rosters(organization, domain=DOMAIN, now=now)
    return n_members


def first_organization() -> Organization:
    """The first customer's, whose members have addresses at ``DOMAIN``."""
    organization = Account.objects.get(username=CUSTOMERS[0].username).organization
    assert organization is not None
    return organization


def load_messages(*, now: datetime, progress: Callable[[int], None]) -> None:
    """Queue the demo's messages that are missing, with an address book entry for each city; hold one of them."""
    n_done = 0
    for customer in CUSTOMERS:
        account = Account.objects.get(username=customer.username)
        _load_address_book(account, customer, now=now)
        drafts = _drafts(customer, now=now)
        for start in range(0, len(drafts), BATCH):
            batch = drafts[start : start + BATCH]
            import_messages(account=account, drafts=batch, actor=ACTOR, now=now)
            n_done += len(batch)
            progress(n_done)
    held = Message.objects.queued().filter(reference="demo-0-3", held_at=None).values_list("msg_id", flat=True)
    hold_messages(msg_ids=list(held), reason="The demo shows a held message.", actor=ACTOR, now=now)


def _login(customer: DemoCustomer, *, now: datetime) -> DemoLogin:
    account = Account.objects.filter(username=customer.username).first()
    if account is not None:
        known = create_account_credential(account_id=account.pk, actor=ACTOR, now=now)
        return DemoLogin(customer.username, known.auth_id, known.auth_key)
    opened = open_customer(
        name=customer.organization,
        admin_email=customer.admin_email,
        username=customer.username,
        region=customer.region,
        actor=ACTOR,
        now=now,
    )
    return DemoLogin(customer.username, opened.account.auth_id, opened.account.auth_key)


def _load_address_book(account: Account, customer: DemoCustomer, *, now: datetime) -> None:
    known = set(Recipient.objects.of_account(account.pk).values_list("recipient_id", flat=True))
    for city, region, country in customer.cities:
        recipient_id = city.lower().replace(" ", "-")
        if recipient_id not in known:
            create_recipient(
                account=account,
                recipient_id=recipient_id,
                name=f"Friends in {city}",
                address=Address(city=city, region=region, country=country),
                actor=ACTOR,
                now=now,
            )


def _drafts(customer: DemoCustomer, *, now: datetime) -> list[MessageDraft]:
    return [
        MessageDraft(
            destination=Destination(recipient_id=city.lower().replace(" ", "-")),
            content=Content(body=TEXTS[(round_ + place) % len(TEXTS)]),
            timeframe=Timeframe(min=now + timedelta(days=1)) if (round_, place) == (1, 1) else Timeframe(),
            extras=Extras(
                priority=Priority.EXPRESS if place % 5 == 0 else Priority.STANDARD,
                insured_value=Decimal(25) if place % 7 == 6 else Decimal(0),
                reference=f"demo-{round_}-{place}",
            ),
        )
        for round_ in range(ROUNDS)
        for place, (city, _, _) in enumerate(customer.cities)
    ]
