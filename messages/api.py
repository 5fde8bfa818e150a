"""Pigeon Protocol: /pigeon/v1/{account}/messages, quotes and recipients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from messages import examples
from messages.drafts import Address, MessageDraft
from messages.filters import AccountMessageFilter
from messages.models import Flight, Message, Recipient
from messages.representation import status_document, summary
from messages.serializers import (
    AddressSerializer,
    CancelledSerializer,
    DeliveredSerializer,
    EditEnvelope,
    EditSerializer,
    EnrouteSerializer,
    MessageListParameters,
    MessageSerializer,
    QuoteSerializer,
    RecipientChangeSerializer,
    RecipientListParameters,
    RecipientSerializer,
    RefundedSerializer,
    SummarySerializer,
    address_json,
    document_of,
    page_of,
    revised,
)
from messages.services import clients, recipients
from messages.services.planning import check_callback
from ops_console.errors import FieldError, InvalidInput, NotFound
from ops_console.rest.etags import etag, if_match, require_version
from ops_console.rest.filters import StrictFilterBackend
from ops_console.rest.pagination import Orderings, paginate
from ops_console.rest.views import AccountAPIView, answer

NEWEST: Orderings = {"-createdAt": ("-id",), "createdAt": ("id",)}
STATUSES = PolymorphicProxySerializer(
    component_name="MessageStatusDocument",
    serializers={
        "queued": SummarySerializer,
        "enroute": EnrouteSerializer,
        "delivered": DeliveredSerializer,
        "refunded": RefundedSerializer,
    },
    resource_type_field_name="status",
)


class DraftView(AccountAPIView):
    """A view that a whole message is posted to."""

    draft: MessageDraft

    def prepare(self) -> None:
        self.draft = MessageSerializer(data=self.request.data).draft()
        check_callback(self.draft)


class MessagesView(DraftView):
    """The account's messages."""

    filterset_class = AccountMessageFilter

    @extend_schema(
        operation_id="listMessages",
        summary="List messages",
        description="The account's messages, newest first, in the shape of their status.",
        parameters=[MessageListParameters],
        responses={200: page_of("MessagePage", STATUSES)},
    )
    def get(self, request: Request, account: str) -> HttpResponse:
        theirs = Message.objects.of_account(self.account.pk).for_status()
        rows = StrictFilterBackend().filter_queryset(request, theirs, self)
        page = paginate(rows, params=request.query_params, path=request.path, orderings=NEWEST)
        flights = Flight.objects.latest_of([message.pk for message in page.rows])
        documents = [
            status_document(message, flights.get(message.pk), now=self.now)
            | {"reference": message.reference, "createdAt": message.created_at}
            for message in page.rows
        ]
        return answer(page.body(documents))

    @extend_schema(
        operation_id="createMessage",
        summary="Create new message",
        description="Adds a message to the processing queue and charges the account for it. Name the recipient by an "
        "entry of the address book, an address, or both; both is best, and the address then wins.",
        request=MessageSerializer,
        responses={201: SummarySerializer},
        examples=[examples.CREATE_SHORT, examples.CREATE, examples.QUEUED],
    )
    def post(self, request: Request, account: str) -> HttpResponse:
        message = clients.create_message(account=self.account, draft=self.draft, actor=self.actor, now=self.now)
        location = f"/pigeon/v1/{account}/messages/{message.msg_id}"
        headers = {"Location": location, "ETag": etag(message.version)}
        return answer(summary(message, now=self.now), status=201, headers=headers)


class MessageView(AccountAPIView):
    """One message of the account."""

    @extend_schema(
        operation_id="getMessage",
        summary="Check message status",
        description="The shape depends on the status: queued (waiting in the queue), enroute (a courier carries it), "
        "delivered, or refunded (cancelled or not deliverable; the money is back on the account).",
        responses={200: STATUSES},
        examples=[examples.QUEUED, examples.ENROUTE, examples.DELIVERED, examples.REFUNDED],
    )
    def get(self, request: Request, account: str, msg_id: str) -> HttpResponse:
        message = clients.find_status(self.account, msg_id)
        flight = Flight.objects.latest_of([message.pk]).get(message.pk) if message.has_flown else None
        return answer(status_document(message, flight, now=self.now), headers={"ETag": etag(message.version)})

    @extend_schema(
        operation_id="editMessage",
        summary="Edit queued message",
        description="Changes whatever `msgInfo` holds; what it leaves out stays, null clears what is optional. "
        "Possible while the message is queued. The price is worked out anew and the difference posted.",
        request=EditSerializer,
        responses={200: SummarySerializer},
        examples=[examples.EDIT, examples.EDITED],
    )
    def patch(self, request: Request, account: str, msg_id: str) -> HttpResponse:
        envelope = EditEnvelope(data=request.data).parsed()
        if envelope["msg_id"] != msg_id:
            raise InvalidInput.field("msgId", message="This differs from the address of the request.", code="mismatch")
        expected = if_match(request)
        try:
            message = clients.edit_message(
                account=self.account,
                msg_id=msg_id,
                revise=lambda draft: revised_draft(draft, envelope["msg_info"]),
                actor=self.actor,
                now=self.now,
                precondition=lambda found: require_version(expected, found.version),
            )
        except InvalidInput as error:
            faults = [FieldError(("msgInfo", *fault.path), fault.message, fault.code) for fault in error.errors]
            raise InvalidInput(faults) from None
        return answer(summary(message, now=self.now), headers={"ETag": etag(message.version)})

    @extend_schema(
        operation_id="replaceMessage",
        summary="Edit queued message (PUT)",
        description="The same as PATCH: what is left out stays.",
        request=EditSerializer,
        responses={200: SummarySerializer},
        examples=[examples.EDIT, examples.EDITED],
    )
    def put(self, request: Request, account: str, msg_id: str) -> HttpResponse:
        return self.patch(request, account, msg_id)

    @extend_schema(
        operation_id="cancelMessage",
        summary="Cancel queued message",
        description="Takes a queued message out of the queue and refunds what was charged for it.",
        responses={200: CancelledSerializer},
        examples=[examples.CANCELLED],
    )
    def delete(self, request: Request, account: str, msg_id: str) -> HttpResponse:
        expected = if_match(request)
        message = clients.cancel_message(
            account=self.account,
            msg_id=msg_id,
            actor=self.actor,
            now=self.now,
            precondition=lambda found: require_version(expected, found.version),
        )
        body = {"msgId": message.msg_id, "status": message.status, "cost": message.cost}
        return answer(body, headers={"ETag": etag(message.version)})


class QuotesView(DraftView):
    """Prices before committing."""

    @extend_schema(
        operation_id="quoteMessage",
        summary="Quote a message",
        description="What a message would cost and when it would arrive. Nothing is queued or charged.",
        request=MessageSerializer,
        responses={200: QuoteSerializer},
        examples=[examples.CREATE_SHORT],
    )
    def post(self, request: Request, account: str) -> HttpResponse:
        quote = clients.quote_message(account=self.account, draft=self.draft, actor=self.actor, now=self.now)
        return answer({"cost": quote.cost, "eta": quote.eta})


class RecipientsView(AccountAPIView):
    """The account's address book."""

    orderings: ClassVar[Orderings] = {"createdAt": ("created_at", "id"), "-createdAt": ("-created_at", "-id")}

    @extend_schema(
        operation_id="listRecipients",
        summary="List the address book",
        parameters=[RecipientListParameters],
        responses={200: page_of("RecipientPage", RecipientSerializer())},
    )
    def get(self, request: Request, account: str) -> HttpResponse:
        rows = Recipient.objects.of_account(self.account.pk)
        page = paginate(rows, params=request.query_params, path=request.path, orderings=self.orderings)
        return answer(page.body([recipient_json(recipient) for recipient in page.rows]))

    @extend_schema(
        operation_id="createRecipient",
        summary="Add an address book entry",
        request=RecipientSerializer,
        responses={201: RecipientSerializer},
    )
    def post(self, request: Request, account: str) -> HttpResponse:
        parsed = RecipientSerializer(data=request.data).parsed()
        recipient = recipients.create_recipient(
            account=self.account,
            recipient_id=parsed["recipient_id"],
            name=parsed.get("name", ""),
            address=AddressSerializer.address(parsed["address"]),
            actor=self.actor,
            now=self.now,
        )
        location = f"/pigeon/v1/{account}/recipients/{recipient.recipient_id}"
        return answer(recipient_json(recipient), status=201, headers={"Location": location})


class RecipientView(AccountAPIView):
    """One entry of the account's address book."""

    @extend_schema(operation_id="getRecipient", summary="Read an address book entry", responses=RecipientSerializer)
    def get(self, request: Request, account: str, recipient_id: str) -> HttpResponse:
        recipient = Recipient.objects.of_account(self.account.pk).filter(recipient_id=recipient_id).first()
        if recipient is None:
            raise NotFound("There is no such entry in the address book.")
        return answer(recipient_json(recipient))

    @extend_schema(
        operation_id="updateRecipient",
        summary="Change an address book entry",
        description="What is left out stays. Messages sent before keep the address they were sent to.",
        request=RecipientChangeSerializer,
        responses=RecipientSerializer,
    )
    def patch(self, request: Request, account: str, recipient_id: str) -> HttpResponse:
        parsed = RecipientChangeSerializer(data=request.data).parsed()
        recipient = recipients.update_recipient(
            account=self.account,
            recipient_id=recipient_id,
            name=parsed.get("name"),
            address=AddressSerializer.address(parsed["address"]) if "address" in parsed else None,
            actor=self.actor,
            now=self.now,
        )
        return answer(recipient_json(recipient))

    @extend_schema(operation_id="deleteRecipient", summary="Remove an address book entry", responses={204: None})
    def delete(self, request: Request, account: str, recipient_id: str) -> HttpResponse:
        recipients.delete_recipient(account=self.account, recipient_id=recipient_id, actor=self.actor, now=self.now)
        return answer(status=204)


def revised_draft(draft: MessageDraft, patch: Mapping[str, Any]) -> MessageDraft:
    """The draft with an edit laid over it; errors point into ``msgInfo``."""
    try:
        return MessageSerializer(data=revised(document_of(draft), patch)).draft()
    except ValidationError as error:
        raise ValidationError({"msgInfo": error.detail}) from None


def recipient_json(recipient: Recipient) -> dict[str, Any]:
    return {
        "recipientId": recipient.recipient_id,
        "name": recipient.name,
        "address": address_json(Address(**recipient.address)),
    }
