from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django.db import IntegrityError, transaction

from ops_console.organizations.models import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def first_superuser(monkeypatch: pytest.MonkeyPatch) -> Person:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "coo-coo-ca-choo")
    call_command("createsuperuser", email="Root@House.Example", interactive=False, verbosity=0)
    return Person.objects.get()


def test_createsuperuser_makes_one_with_a_lower_case_address(first_superuser: Person) -> None:
    assert first_superuser.email == "root@house.example"
    assert first_superuser.is_staff
    assert first_superuser.is_superuser


@pytest.mark.parametrize("typed", ["root@house.example", "ROOT@house.example", " Root@House.Example "])
def test_signing_in_ignores_case_and_blanks_around(first_superuser: Person, typed: str) -> None:
    assert authenticate(username=typed, password="coo-coo-ca-choo") == first_superuser
    assert authenticate(username=typed, password="wrong") is None


def test_the_database_refuses_an_address_that_is_not_lower_case() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Person.objects.create(email="Nellie@example.com")
