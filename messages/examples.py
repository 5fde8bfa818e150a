"""The Pigeon Protocol document's examples, for the OpenAPI page."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

MESSAGE: dict[str, Any] = {
    "destination": {
        "recipientId": "grandma",
        "address": {
            "street": "123 Roost Rd",
            "city": "Phoenix",
            "region": "AZ",
            "postalCode": "85001",
            "country": "US",
        },
    },
    "message": {"subject": "Hello", "body": "Coo coo!", "format": "text"},
    "requestedCourier": ["CPL593H"],
    "extras": {"priority": "express", "insuredValue": 5.0},
}
CREATE = OpenApiExample("A message with everything but a timeframe", value=MESSAGE, request_only=True)
CREATE_SHORT = OpenApiExample(
    "A short note",
    value={
        "destination": {"address": {"city": "Phoenix", "region": "AZ", "country": "US"}},
        "message": {"body": "Coo coo!"},
    },
    request_only=True,
)
EDIT = OpenApiExample(
    "Another text",
    value={"msgId": "4prDjddvmLpDA2A2", "msgInfo": {"message": {"body": "Coo!"}}},
    request_only=True,
)
QUEUED = OpenApiExample(
    "Queued",
    value={"msgId": "4prDjddvmLpDA2A2", "status": "queued", "eta": "2022-03-18T09:30:00.000Z", "cost": 0.15},
    response_only=True,
    status_codes=["200", "201"],
)
EDITED = OpenApiExample(
    "Edited",
    value={"msgId": "4prDjddvmLpDA2A2", "status": "queued", "eta": "2022-03-22T09:30:00.000Z", "cost": 0.12},
    response_only=True,
    status_codes=["200"],
)
ENROUTE = OpenApiExample(
    "En route",
    value={
        "msgId": "4prDjddvmLpDA2A2",
        "status": "enroute",
        "eta": "2022-03-18T09:30:00.000Z",
        "cost": 0.15,
        "pgnId": "CPL593H",
        "partner": "Sandia Lofts",
        "departedAt": "2022-03-18T03:00:00.000Z",
        "progress": 0.5,
        "position": {"latitude": 34.6, "longitude": -109.0},
    },
    response_only=True,
    status_codes=["200"],
)
DELIVERED = OpenApiExample(
    "Delivered",
    value={
        "msgId": "4prDjddvmLpDA2A2",
        "status": "delivered",
        "deliveredAt": "2022-03-18T09:30:00.000Z",
        "cost": 0.15,
        "pgnId": "CPL593H",
        "partner": "Sandia Lofts",
    },
    response_only=True,
    status_codes=["200"],
)
REFUNDED = OpenApiExample(
    "Refunded",
    value={
        "msgId": "4prDjddvmLpDA2A2",
        "status": "refunded",
        "cost": 0.15,
        "refundedAt": "2022-03-18T04:00:00.000Z",
        "reason": "Cancelled by the client.",
    },
    response_only=True,
    status_codes=["200"],
)
CANCELLED = OpenApiExample(
    "Cancelled",
    value={"msgId": "4prDjddvmLpDA2A2", "status": "refunded", "cost": 0.15},
    response_only=True,
    status_codes=["200"],
)
