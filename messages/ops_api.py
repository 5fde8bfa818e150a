"""/api/v1/messages and recipients, and the decisions on refunds that move a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, TypeVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer

from messages.filters import MessageFilter, RecipientFilter
from messages.models import Message, Recipient
from messages.ops_serializers import (
    MessageDetailSerializer,
    MessageRowSerializer,
    NewRecipientSerializer,
    ReassignSerializer,
    RefundRequestSerializer,
    StaffRecipientSerializer,
)
from messages.querysets import MessageQuerySet
from messages.serializers import AddressSerializer, RecipientChangeSerializer
from messages.services import recipients, refunds, steering
from ops_console.access.actors import Actor
from ops_console.errors import NotFound
from ops_console.ledger.models import Account, Refund
from ops_console.ledger.serializers import DecisionSerializer, RefundSerializer
from ops_console.rest.pagination import Orderings
from ops_console.rest.references import referred_to_by
from ops_console.rest.serializers import ReasonSerializer
from ops_console.rest.views import ResourceViewSet, answer

# Ids grow with age.
BY_AGE: Orderings = {"-createdAt": ("-id",), "createdAt": ("id",)}


Handler = TypeVar("Handler", bound=Callable[..., HttpResponse])
GRANDMA = OpenApiExample(
    "Grandma in Phoenix",
    value={
        "account": "featherfan92",
        "recipientId": "grandma",
        "name": "Grandma Columba",
        "address": {"city": "Phoenix", "region": "AZ", "country": "US"},
    },
    request_only=True,
)
REASON = OpenApiExample("A reason", value={"reason": "The customer rang: ticket 4711."}, request_only=True)

REFUND = OpenApiExample("A part", value={"amount": 0.05, "reason": "A day late."}, request_only=True)


class Steer(Protocol):
    """One of ``services.steering``: what is done to messages."""

    def __call__(self, *, msg_ids: list[str], reason: str, actor: Any, now: Any) -> steering.Outcome: ...


def steered(operation_id: str, summary: str, description: str) -> Callable[[Handler], Handler]:
    """Document an action that takes a reason and answers with the message."""
    document: Callable[[Handler], Handler] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        request=ReasonSerializer,
        responses=MessageDetailSerializer,
        examples=[REASON],
    )
    return document


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListMessages",
        summary="List messages",
        description="Newest first. `search` is a whole msgId or reference.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetMessage",
        summary="Read a message",
        description="What it says, who carried it and all that happened to it.",
    ),
)
class MessageViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "messages"
    orderings = BY_AGE
    policy_actions: ClassVar[Mapping[str, str]] = {"dispatch_now": "dispatch", "refund": "request"}
    filterset_class = MessageFilter
    search_fields = ("msg_id__exact", "reference__exact")
    queryset = Message.objects.all()
    lookup_field = "msg_id"

    def get_queryset(self) -> MessageQuerySet:
        rows = Message.objects.visible_to(self.actor)
        return rows.for_list() if self.action == "list" else rows.for_detail()

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return MessageRowSerializer if self.action == "list" else MessageDetailSerializer

    @steered(
        "opsDispatchMessage",
        "Dispatch a message now",
        "Lets a queued message fly at once, with a courier it asks for that is free, else the nearest. 409 when nobody "
        "can carry it now; the message then stays as it is.",
    )
    @action(detail=True, methods=["post"], url_path="dispatch")
    # ``dispatch`` is Django's name for answering a request.
    def dispatch_now(self, request: Request, msg_id: str) -> HttpResponse:
        return self._steer(steering.dispatch_messages, msg_id)

    @steered("opsHoldMessage", "Hold a message", "Keeps a queued message on the ground; its timeframe runs on.")
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, msg_id: str) -> HttpResponse:
        return self._steer(steering.hold_messages, msg_id)

    @steered("opsReleaseMessage", "Release a message", "Lets a held message fly again.")
    @action(detail=True, methods=["post"])
    def release(self, request: Request, msg_id: str) -> HttpResponse:
        return self._steer(steering.release_messages, msg_id)

    @steered("opsLoseCourier", "Declare the courier lost", "Takes the courier out of service and refunds the message.")
    @action(detail=True, methods=["post"])
    def lost(self, request: Request, msg_id: str) -> HttpResponse:
        return self._steer(steering.lose_couriers, msg_id)

    @steered("opsDeliverMessage", "Mark a message delivered", "Ends its flight now; the courier rests there.")
    @action(detail=True, methods=["post"])
    def deliver(self, request: Request, msg_id: str) -> HttpResponse:
        return self._steer(steering.deliver_messages, msg_id)

    @extend_schema(
        operation_id="opsReassignMessage",
        summary="Choose who flies a message",
        description="Keeps a queued message for this courier; one in the air is recalled and starts anew with it.",
        request=ReassignSerializer,
        responses=MessageDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def reassign(self, request: Request, msg_id: str) -> HttpResponse:
        parsed = ReassignSerializer(data=request.data).parsed()
        steering.reassign_message(msg_id=msg_id, actor=self.actor, now=self.now, **parsed)
        return self._shown()

    @extend_schema(
        operation_id="opsRefundMessage",
        summary="Refund a message",
        description="Gives back a part of what it cost, or all. Posted at once, unless with earlier staff refunds it "
        "passes the four-eyes limit: then it waits as `requested` for a second member of staff.",
        request=RefundRequestSerializer,
        responses={201: RefundSerializer},
        examples=[REFUND],
    )
    @action(detail=True, methods=["post"], resource="refunds")
    def refund(self, request: Request, msg_id: str) -> HttpResponse:
        parsed = RefundRequestSerializer(data=request.data).parsed()
        refund = refunds.request_refund(msg_id=msg_id, actor=self.actor, now=self.now, **parsed)
        shown = _refund_json(refund, self.get_serializer_context())
        return answer(shown, status=201, headers={"Location": f"/api/v1/refunds/{refund.pk}"})

    def _steer(self, steer: Steer, msg_id: str) -> HttpResponse:
        reason = ReasonSerializer(data=self.request.data).parsed()["reason"]
        outcome = steer(msg_ids=[msg_id], reason=reason, actor=self.actor, now=self.now)
        steering.only(outcome, msg_id)
        return self._shown()

    def _shown(self) -> HttpResponse:
        return answer(self.get_serializer(self.get_object()).data)


class RefundApprovalViewSet(ResourceViewSet):
    """The one decision on refunds that the ledger cannot make alone."""

    resource = "refunds"
    orderings: ClassVar[Orderings] = {}
    serializer_class = RefundSerializer
    queryset = Refund.objects.with_charge_and_people()

    @extend_schema(
        operation_id="opsApproveRefund",
        summary="Approve a refund",
        description="Posts a refund that another member of staff asked for. A message that is then wholly paid back "
        "does not fly on.",
        request=DecisionSerializer,
        responses=RefundSerializer,
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> HttpResponse:
        parsed = DecisionSerializer(data=request.data).parsed()
        refund = refunds.approve_refund(refund_id=self.get_object().pk, actor=self.actor, now=self.now, **parsed)
        return answer(_refund_json(refund, self.get_serializer_context()))


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListRecipients",
        summary="List entries of address books",
        description="Newest first. `search` is a whole recipientId.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetRecipient", summary="Read an entry of an address book", description="One entry by its id."
    ),
)
class RecipientViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "recipients"
    orderings = BY_AGE
    policy_actions: ClassVar[Mapping[str, str]] = {"partial_update": "update", "destroy": "delete"}
    filterset_class = RecipientFilter
    search_fields = ("recipient_id__exact",)
    serializer_class = StaffRecipientSerializer
    queryset = Recipient.objects.with_account()

    @extend_schema(
        operation_id="opsCreateRecipient",
        summary="Add an entry to an account's address book",
        description="The address must lead to a place that is known.",
        request=NewRecipientSerializer,
        responses={201: StaffRecipientSerializer},
        examples=[GRANDMA],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewRecipientSerializer(data=request.data).parsed()
        with referred_to_by("account"):
            account = _account(parsed["account"], self.actor)
        recipient = recipients.create_recipient(
            account=account,
            recipient_id=parsed["recipient_id"],
            name=parsed.get("name", ""),
            address=AddressSerializer.address(parsed["address"]),
            actor=self.actor,
            now=self.now,
        )
        shown = StaffRecipientSerializer(self.get_queryset().get(pk=recipient.pk)).data
        return answer(shown, status=201, headers={"Location": f"/api/v1/recipients/{recipient.pk}"})

    @extend_schema(
        operation_id="opsUpdateRecipient",
        summary="Change an entry of an address book",
        description="What is left out stays. Messages sent before keep the address they were sent to.",
        request=RecipientChangeSerializer,
        responses=StaffRecipientSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        recipient: Recipient = self.get_object()
        parsed = RecipientChangeSerializer(data=request.data).parsed()
        recipients.update_recipient(
            account=recipient.account,
            recipient_id=recipient.recipient_id,
            name=parsed.get("name"),
            address=AddressSerializer.address(parsed["address"]) if "address" in parsed else None,
            actor=self.actor,
            now=self.now,
        )
        return answer(StaffRecipientSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="opsDeleteRecipient",
        summary="Remove an entry from an address book",
        description="Messages sent to it stay as they are.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        recipient: Recipient = self.get_object()
        recipients.delete_recipient(
            account=recipient.account, recipient_id=recipient.recipient_id, actor=self.actor, now=self.now
        )
        return answer(status=204)


def _account(username: str, actor: Actor) -> Account:
    account = Account.objects.visible_to(actor).customers().filter(username=username).first()
    if account is None:
        raise NotFound("There is no such account.")
    return account


def _refund_json(refund: Refund, context: Mapping[str, Any]) -> Any:
    return RefundSerializer(Refund.objects.with_charge_and_people().get(pk=refund.pk), context=context).data
