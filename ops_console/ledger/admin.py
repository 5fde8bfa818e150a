"""Accounts, the journal and refunds in the console."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.paginator import count_up_to, show_count
from ops_console.console.registry import Panel, Part, add_panel
from ops_console.ledger import services
from ops_console.ledger.models import Account, AccountKind, Entry, Posting, Refund, RefundStatus

RECENT = 20


class LimitForm(forms.ConsoleForm):
    credit_limit = forms.money("Credit limit in US dollars")


class AdjustForm(forms.ReasonForm):
    field_order = ("amount", "reason")
    amount = forms.money(
        "Amount in US dollars", help_text="Above zero in the customer's favour, below zero against it."
    )


class PaymentForm(forms.ConsoleForm):
    amount = forms.money("Amount in US dollars")
    reference = forms.line("Payment number", required=False, max_length=40, help_text="The payment's own number.")
    memo = forms.line("Memo", required=False)


def tell_balance(call: Call) -> Sequence[str]:
    account: Account = call.target
    return (
        f"The balance of {account.username} is {display.money(account.balance)}.",
        f"It may owe up to {display.money(account.credit_limit)}.",
    )


def set_limit(call: Call) -> Report:
    account = services.set_credit_limit(account_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"{account.username} may owe up to {display.money(account.credit_limit)} now.")


def adjust(call: Call) -> Report:
    services.adjust(account_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"{call.target.username} was adjusted by {display.money(call.given['amount'])}.")


def pay(call: Call) -> Report:
    services.pay(account_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"A payment of {display.money(call.given['amount'])} by {call.target.username} was recorded.")


def set_default(call: Call) -> Report:
    account = services.set_default_account(account_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"{account.username} is the default account of {account.organization} now.")


def is_customer(account: Account) -> bool:
    return account.kind == AccountKind.CUSTOMER


SET_LIMIT = ServiceAction(
    name="limit",
    label="Set credit limit",
    resource="accounts",
    right="set_limit",
    run=set_limit,
    preview=lambda call: (*tell_balance(call), "A limit below what is owed stops new charges only."),
    applies=is_customer,
    initial=lambda account: {"credit_limit": account.credit_limit},
    scope=Scope.ONE,
    form=LimitForm,
    icon="speed",
)
SET_DEFAULT = ServiceAction(
    name="default",
    label="Make default",
    resource="accounts",
    right="set_default",
    run=set_default,
    preview=lambda call: (
        f"{call.target.username} is billed where nothing names another account: for the pigeons of campaigns.",
        "What was charged on another account stays there.",
    ),
    applies=lambda account: is_customer(account) and not account.is_default,
    scope=Scope.ONE,
    form=forms.OptionalReasonForm,
    icon="star",
)
PAY = ServiceAction(
    name="pay",
    label="Record payment",
    resource="accounts",
    right="pay",
    run=pay,
    preview=lambda call: (*tell_balance(call), "The payment is posted at once and raises the balance."),
    applies=is_customer,
    scope=Scope.ONE,
    form=PaymentForm,
    icon="payments",
)
ADJUST = ServiceAction(
    name="adjust",
    label="Adjust balance",
    resource="accounts",
    right="adjust",
    run=adjust,
    preview=lambda call: (*tell_balance(call), "The adjustment is posted at once, past the limit too."),
    applies=is_customer,
    scope=Scope.ONE,
    form=AdjustForm,
    icon="tune",
)


def statement(account: Account) -> dict[str, Any]:
    """The latest postings, by the account's own index. One query."""
    rows = Posting.objects.filter(account=account).select_related("entry").order_by("-id")[:RECENT]
    return display.table(
        "Statement",
        ("Entry", "Amount", "Reference", "Memo", "Posted"),
        [
            (
                display.link(row.entry, row.entry.get_kind_display()),
                display.money(row.amount),
                row.entry.reference,
                row.entry.memo,
                display.moment(row.entry.posted_at),
            )
            for row in rows
        ],
        empty="Nothing was posted yet.",
        note="" if account.kind != AccountKind.HOUSE else "'manage.py reconcile' sums a house account's balance.",
    )


@admin.register(Account)
class AccountAdmin(ConsoleAdmin):
    resource = "accounts"
    audited_as = ("account", "username")
    service_actions = (PAY, SET_LIMIT, SET_DEFAULT, ADJUST)
    parts = (Part("entries", statement),)
    empty_text = "There are no accounts yet. Open one here, or an organization with 'manage.py createorg'."

    list_display = ("username", "kind", "organization", "region", "owed", "limit", "is_default", "created_at")
    list_filter = ("kind", "region", ("organization", AutocompleteSelectFilter))
    list_filter_submit = True
    search_fields = ("username", "organization__name")
    search_help_text = "Account or organization name"
    ordering = ("-created_at", "-id")
    fields = ("username", "kind", "organization", "region", "owed", "limit", "is_default", "created_at")

    def list_rows(self, rows: Any) -> Any:
        return rows.with_organization()

    def object_rows(self, rows: Any) -> Any:
        return rows.with_organization()

    @admin.display(description="balance")
    def owed(self, account: Account) -> str:
        return "-" if account.kind == AccountKind.HOUSE else display.money(account.balance)

    @admin.display(description="credit limit")
    def limit(self, account: Account) -> str:
        return display.money(account.credit_limit) if is_customer(account) else "-"


@admin.register(Entry)
class EntryAdmin(ConsoleAdmin):
    resource = "entries"
    empty_text = "Nothing was posted yet: the first message that is sent brings the first entry."

    list_display = ("label", "reference", "amounts", "memo", "actor", "posted_at")
    list_filter = ("kind", "posted_at")
    search_fields = ("reference__exact",)
    search_help_text = "msgId, pgnId or payment number, in full"
    ordering = ("-posted_at", "-id")
    fields = ("label", "reference", "memo", "actor", "posted_at", "amounts")

    def list_rows(self, rows: Any) -> Any:
        return rows.with_postings()

    def object_rows(self, rows: Any) -> Any:
        return rows.with_postings()

    @admin.display(description="kind")
    def label(self, entry: Entry) -> str:
        return str(entry.get_kind_display())

    @admin.display(description="postings")
    def amounts(self, entry: Entry) -> SafeString:
        rows = ((display.link(posting.account), display.money(posting.amount)) for posting in entry.postings.all())
        return format_html_join(", ", "{} {}", rows)


def reject(call: Call) -> Report:
    return each(
        call,
        lambda refund: services.reject_refund(refund_id=refund.pk, actor=call.actor, now=call.now, **call.given),
    )


REJECT = ServiceAction(
    name="reject",
    label="Reject",
    resource="refunds",
    right="reject",
    run=reject,
    preview=lambda call: ("No money moves.", "You cannot reject what you asked for yourself."),
    applies=lambda refund: refund.status == RefundStatus.REQUESTED,
    form=forms.OptionalReasonForm,
    done="rejected",
    icon="close",
    is_dangerous=True,
)


def refund_events(refund: Refund) -> dict[str, Any]:
    return display.timeline("Timeline", refund.events.order_by("id"))


@admin.register(Refund)
class RefundAdmin(ConsoleAdmin):
    resource = "refunds"
    audited_as = ("refund", "pk")
    service_actions = (REJECT,)
    parts = (Part("refunds", refund_events, "console/_timeline.html"),)
    empty_text = "Nothing was refunded yet. Ask for a refund on a message's page."

    list_display = ("value", "state", "reference", "customer", "reason", "requested_by", "decided_by", "created_at")
    list_filter = ("status", "origin", "created_at")
    search_fields = ("charge__reference__exact",)
    search_help_text = "msgId, in full"
    ordering = ("-created_at", "-id")
    fields = (
        "value",
        "state",
        "reference",
        "customer",
        "paid",
        "origin",
        "reason",
        "requested_by",
        "decided_by",
        "created_at",
        "decided_at",
        "entry",
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.with_charge_and_people()

    def object_rows(self, rows: Any) -> Any:
        return rows.with_charge_and_people().select_related("entry")

    @admin.display(description="amount")
    def value(self, refund: Refund) -> str:
        return display.money(refund.amount)

    @admin.display(description="status")
    def state(self, refund: Refund) -> SafeString:
        return display.badge(refund.status)

    @admin.display(description="for")
    def reference(self, refund: Refund) -> str:
        return refund.charge.reference

    @admin.display(description="account")
    def customer(self, refund: Refund) -> SafeString | str:
        return display.link(refund.charge.account)

    @admin.display(description="charged")
    def paid(self, refund: Refund) -> str:
        charge = refund.charge
        return f"{display.money(charge.amount)}, of which {display.money(charge.refunded)} is given back"


def waiting_panel(now: datetime) -> dict[str, Any]:
    """The refunds a second person must decide, the oldest first. Two queries, by their own index."""
    waiting = Refund.objects.waiting()
    rows = [
        (
            display.link(refund, display.money(refund.amount)),
            refund.charge.account.username,
            refund.reason,
            refund.requested_by,
            display.age(refund.created_at),
        )
        for refund in waiting.with_charge_and_people()[:5]
    ]
    n_waiting = show_count(count_up_to(waiting)) if rows else "0"
    return display.table(
        f"Refunds waiting for a second person: {n_waiting}",
        ("Amount", "Account", "Reason", "Asked by", "Age"),
        rows,
        empty="Nothing waits. Refunds past the four-eyes limit show up here.",
        more_url=display.list_url(Refund, "status__exact=requested"),
    )


add_panel(Panel(20, "refunds", waiting_panel))
