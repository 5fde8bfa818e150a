"""/api/v1/accounts, entries and refunds; a refund is asked for and approved where its message is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from ops_console.ledger import services
from ops_console.ledger.filters import AccountFilter, EntryFilter, RefundFilter
from ops_console.ledger.models import Account, Entry, Refund
from ops_console.ledger.serializers import (
    AccountSerializer,
    AdjustmentSerializer,
    DecisionSerializer,
    EntrySerializer,
    LimitSerializer,
    NewAccountSerializer,
    PaymentSerializer,
    RefundSerializer,
)
from ops_console.rest.pagination import Orderings
from ops_console.rest.references import referred_to_by
from ops_console.rest.views import ResourceViewSet, answer

NEW_ACCOUNT = OpenApiExample(
    "A second account",
    value={"organization": "01953f0e-7a2c-7cc1-b1a5-8f4a7c2d9e10", "account": "featherfan93", "region": "US_SW"},
    request_only=True,
)
ADJUSTMENT = OpenApiExample(
    "Against the customer", value={"amount": -1.50, "reason": "Charged twice too little."}, request_only=True
)
PAYMENT = OpenApiExample("A bank transfer", value={"amount": 20.00, "reference": "SEPA 17"}, request_only=True)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListAccounts",
        summary="List accounts",
        description="Customers' accounts with their balances, or those of couriers or the house by `kind`. "
        "`search` is the beginning of a name.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetAccount",
        summary="Read an account",
        description="Any account by its name: `featherfan92`, `courier:CPL593H`, `house:revenue`.",
    ),
)
class AccountViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "accounts"
    orderings: ClassVar[Orderings] = {"-createdAt": ("-created_at", "-id"), "createdAt": ("created_at", "id")}
    policy_actions: ClassVar[Mapping[str, str]] = {"limit": "set_limit", "default": "set_default"}
    filterset_class = AccountFilter
    search_fields = ("username__startswith",)
    serializer_class = AccountSerializer
    queryset = Account.objects.all()
    lookup_field = "username"
    lookup_url_kwarg = "account"

    @extend_schema(
        operation_id="opsOpenAccount",
        summary="Open an account",
        description="Gives an organization a further account, as yet without credentials.",
        request=NewAccountSerializer,
        responses={201: AccountSerializer},
        examples=[NEW_ACCOUNT],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewAccountSerializer(data=request.data).parsed()
        with referred_to_by("organization"):
            account = services.open_account(
                organization_id=parsed["organization"],
                username=parsed["account"],
                region=parsed["region"],
                credit_limit=parsed.get("credit_limit"),
                actor=self.actor,
                now=self.now,
            )
        location = f"/api/v1/accounts/{account.username}"
        return answer(AccountSerializer(account).data, status=201, headers={"Location": location})

    @extend_schema(
        operation_id="opsSetCreditLimit",
        summary="Set a credit limit",
        description="Sets what a customer may owe. One below what is owed already only stops new charges.",
        request=LimitSerializer,
        responses=AccountSerializer,
    )
    @action(detail=True, methods=["post"])
    def limit(self, request: Request, account: str) -> HttpResponse:
        changed = services.set_credit_limit(
            account_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **LimitSerializer(data=request.data).parsed(),
        )
        return answer(AccountSerializer(changed).data)

    @extend_schema(
        operation_id="opsSetDefaultAccount",
        summary="Make an account the default",
        description="Names the account that its organization is billed on where nothing names another: "
        "for the pigeons of its campaigns. The one that was is no longer.",
        request=DecisionSerializer,
        responses=AccountSerializer,
    )
    @action(detail=True, methods=["post"])
    def default(self, request: Request, account: str) -> HttpResponse:
        changed = services.set_default_account(
            account_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **DecisionSerializer(data=request.data).parsed(),
        )
        return answer(AccountSerializer(changed).data)

    @extend_schema(
        operation_id="opsAdjustAccount",
        summary="Adjust a balance",
        description="Posts a correction against the house, past the credit limit too.",
        request=AdjustmentSerializer,
        responses={201: EntrySerializer},
        examples=[ADJUSTMENT],
    )
    @action(detail=True, methods=["post"])
    def adjust(self, request: Request, account: str) -> HttpResponse:
        entry = services.adjust(
            account_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **AdjustmentSerializer(data=request.data).parsed(),
        )
        return self._posted(entry)

    @extend_schema(
        operation_id="opsRecordPayment",
        summary="Record a payment",
        description="Posts money received from a customer.",
        request=PaymentSerializer,
        responses={201: EntrySerializer},
        examples=[PAYMENT],
    )
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, account: str) -> HttpResponse:
        entry = services.pay(
            account_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **PaymentSerializer(data=request.data).parsed(),
        )
        return self._posted(entry)

    def _posted(self, entry: Entry) -> HttpResponse:
        rows = Entry.objects.with_postings().get(pk=entry.pk)
        shown = EntrySerializer(rows, context=self.get_serializer_context()).data
        return answer(shown, status=201, headers={"Location": f"/api/v1/entries/{entry.pk}"})


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListEntries",
        summary="List journal entries",
        description="Entries with their postings. `search` is a whole reference.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetEntry", summary="Read a journal entry", description="One entry with its postings."
    ),
)
class EntryViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "entries"
    orderings: ClassVar[Orderings] = {"-postedAt": ("-posted_at", "-id"), "postedAt": ("posted_at", "id")}
    filterset_class = EntryFilter
    search_fields = ("reference__exact",)
    serializer_class = EntrySerializer
    queryset = Entry.objects.with_postings()


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListRefunds",
        summary="List refunds",
        description="Those by the system and by staff; `status=requested` are waiting for a second member of staff. "
        "`search` is a whole msgId.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetRefund", summary="Read a refund", description="One refund with its charge."
    ),
)
class RefundViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "refunds"
    orderings: ClassVar[Orderings] = {"-createdAt": ("-created_at", "-id"), "createdAt": ("created_at", "id")}
    filterset_class = RefundFilter
    search_fields = ("charge__reference__exact",)
    serializer_class = RefundSerializer
    queryset = Refund.objects.with_charge_and_people()

    @extend_schema(
        operation_id="opsRejectRefund",
        summary="Reject a refund",
        description="Refuses a refund that another member of staff asked for.",
        request=DecisionSerializer,
        responses=RefundSerializer,
    )
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: str) -> HttpResponse:
        refund = services.reject_refund(
            refund_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **DecisionSerializer(data=request.data).parsed(),
        )
        return answer(self.get_serializer(refund).data)
