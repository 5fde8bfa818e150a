from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from ops_console.rest import fields
from ops_console.rest.problems import of_exception
from ops_console.rest.serializers import StrictSerializer


class Address(StrictSerializer):
    postal_code = fields.TextField(max_length=10)
    country = fields.ChoiceField(choices=["US", "AQ"], required=False)


class Order(StrictSerializer):
    body = fields.TextField(required=False)
    n_pages = fields.IntegerField(required=False, max_value=5)
    latitude = fields.FloatField(required=False)
    return_receipt = fields.BooleanField(required=False)
    insured_value = fields.MoneyField(required=False, max_value=Decimal(500))
    not_before = fields.InstantField(required=False, allow_null=True)
    couriers = fields.ListField(child=fields.TextField(), required=False)
    to_address = Address(required=False)


def faults(document: Any) -> set[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        Order(data=document).parsed()
    problem = of_exception(caught.value)
    assert problem is not None
    assert problem.status == 400
    return {(fault["pointer"], fault["code"]) for fault in problem.errors}


def test_travels_in_camel_case() -> None:
    document = {
        "nPages": 3,
        "insuredValue": 0.1,
        "notBefore": "2022-03-18T11:30:00+02:00",
        "toAddress": {"postalCode": "87501", "country": "US"},
    }
    parsed = Order(data=document).parsed()
    assert parsed == {
        "n_pages": 3,
        "insured_value": Decimal("0.1"),
        "not_before": datetime(2022, 3, 18, 9, 30, tzinfo=UTC),
        "to_address": {"postal_code": "87501", "country": "US"},
    }
    written = Order({**parsed, "couriers": []}).data
    assert written["notBefore"] == "2022-03-18T09:30:00.000Z"
    assert written["toAddress"] == {"postalCode": "87501", "country": "US"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([], {("", "invalid")}),
        ("x", {("", "invalid")}),
        (None, {("", "null")}),
        ({"surprise/~": 1}, {("/surprise~1~0", "unknown")}),
        ({"n_pages": 1}, {("/n_pages", "unknown")}),
        ({"surprise": 1, "body": 2}, {("/surprise", "unknown"), ("/body", "invalid")}),
        ({"toAddress": {"extra": 1}}, {("/toAddress/extra", "unknown"), ("/toAddress/postalCode", "required")}),
        ({"toAddress": []}, {("/toAddress", "invalid")}),
        ({"toAddress": {"postalCode": "1", "country": "XX"}}, {("/toAddress/country", "invalid_choice")}),
        ({"toAddress": {"postalCode": "1", "country": {}}}, {("/toAddress/country", "invalid_choice")}),
        ({"body": True}, {("/body", "invalid")}),
        ({"body": 12}, {("/body", "invalid")}),
        ({"body": None}, {("/body", "null")}),
        ({"nPages": "3"}, {("/nPages", "invalid")}),
        ({"nPages": True}, {("/nPages", "invalid")}),
        ({"nPages": 1.5}, {("/nPages", "invalid")}),
        ({"nPages": 6}, {("/nPages", "max_value")}),
        ({"latitude": "1"}, {("/latitude", "invalid")}),
        ({"returnReceipt": 1}, {("/returnReceipt", "invalid")}),
        ({"returnReceipt": "true"}, {("/returnReceipt", "invalid")}),
        ({"returnReceipt": []}, {("/returnReceipt", "invalid")}),
        ({"insuredValue": "1.00"}, {("/insuredValue", "invalid")}),
        ({"insuredValue": 0.005}, {("/insuredValue", "max_decimal_places")}),
        ({"insuredValue": 1e300}, {("/insuredValue", "max_digits")}),
        ({"insuredValue": 501}, {("/insuredValue", "max_value")}),
        ({"couriers": "CPL593H"}, {("/couriers", "not_a_list")}),
        ({"couriers": {}}, {("/couriers", "not_a_list")}),
        ({"couriers": ["a", 1]}, {("/couriers/1", "invalid")}),
        ({"notBefore": "2022-03-18T09:30:00"}, {("/notBefore", "no_zone")}),
        ({"notBefore": "2022-03-18"}, {("/notBefore", "invalid")}),
        ({"notBefore": "2022-03-18 09:30:00Z"}, {("/notBefore", "invalid")}),
        ({"notBefore": "2022-02-30T09:30:00Z"}, {("/notBefore", "invalid")}),
        ({"notBefore": "２０２２-03-18T09:30:00Z"}, {("/notBefore", "invalid")}),
        ({"notBefore": "2022-W11-5T09:30:00Z"}, {("/notBefore", "invalid")}),
        ({"notBefore": "2022-03-18T09:30Z"}, {("/notBefore", "invalid")}),
        ({"notBefore": "2022-03-18T09:30:00,5Z"}, {("/notBefore", "invalid")}),
        ({"notBefore": "2022-03-18T09:30:00+0100"}, {("/notBefore", "invalid")}),
        ({"notBefore": "0001-01-01T00:00:00+14:00"}, {("/notBefore", "invalid")}),
        ({"notBefore": 1647595800}, {("/notBefore", "invalid")}),
    ],
)
def test_names_the_member_at_fault(document: Any, expected: set[tuple[str, str]]) -> None:
    assert faults(document) == expected


def test_keeps_texts_as_they_are() -> None:
    assert Order(data={"body": " coo \n"}).parsed() == {"body": " coo \n"}


def test_null_clears_what_allows_it() -> None:
    assert Order(data={"notBefore": None}).parsed() == {"not_before": None}
