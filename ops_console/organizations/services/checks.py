"""What names, addresses and profiles may hold; each check names every fault it finds."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ops_console.errors import FieldError
from ops_console.organizations.models import CompanySize, Industry
from ops_console.organizations.profiles import CUSTOM_ATTRIBUTES, PROFILE_FIELDS, Profile

NAME_LENGTH = 200
EMAIL_LENGTH = 254
PROFILE_TEXT_LENGTH = 200
MOST_ATTRIBUTES = 50
ATTRIBUTE_NAME_LENGTH = 100
ATTRIBUTE_LENGTH = 1000
# Control characters and halves of surrogate pairs; PostgreSQL takes neither NUL nor the latter. In a line also line
# separators, and what turns the text beside it round.
UNFIT_FOR_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff]")
UNFIT_FOR_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def name_faults(name: str, field: str = "name") -> list[FieldError]:
    if name and len(name) <= NAME_LENGTH and not UNFIT_FOR_A_LINE.search(name):
        return []
    return [FieldError((field,), f"A name is one line of 1 to {NAME_LENGTH} characters.")]


def email_faults(email: str, field: str = "email") -> list[FieldError]:
    try:
        validate_email(email)
    except ValidationError:
        is_valid = False
    else:
        # The validator lets longer ones pass, and surrogates in the domain.
        is_valid = len(email) <= EMAIL_LENGTH and email.isprintable()
    return [] if is_valid else [FieldError((field,), "This is no e-mail address.")]


def company_faults(industry: str, company_size: str) -> list[FieldError]:
    """Faults of what an organization says of itself; both may be empty."""
    given = {"industry": (industry, Industry.values), "company_size": (company_size, CompanySize.values)}
    return [
        FieldError((field,), f"This is one of {', '.join(values)}.", "invalid_choice")
        for field, (value, values) in given.items()
        if value and value not in values
    ]


def line_faults(text: str, *path: str | int, length: int) -> list[FieldError]:
    """Faults of a text that may be empty and has no line breaks."""
    if len(text) <= length and not UNFIT_FOR_A_LINE.search(text):
        return []
    return [FieldError(path, f"This is one line of at most {length} characters.")]


def profile_faults(profile: Profile) -> list[FieldError]:
    faults = [
        fault
        for name in PROFILE_FIELDS
        for fault in line_faults(getattr(profile, name), "profile", name, length=PROFILE_TEXT_LENGTH)
    ]
    attributes = profile.custom_attributes
    if len(attributes) > MOST_ATTRIBUTES:
        message = f"A profile has at most {MOST_ATTRIBUTES} attributes of an organization's own."
        faults.append(FieldError(("profile", CUSTOM_ATTRIBUTES), message, "too_many"))
    for name, value in attributes.items():
        faults += _attribute_faults(name, value)
    return faults


def _attribute_faults(name: str, value: str) -> list[FieldError]:
    path = ("profile", CUSTOM_ATTRIBUTES, name)
    if not name:
        return [FieldError(path, "An attribute needs a name.")]
    faults = line_faults(name, *path, length=ATTRIBUTE_NAME_LENGTH)
    if len(value) > ATTRIBUTE_LENGTH or UNFIT_FOR_TEXT.search(value):
        faults.append(FieldError(path, f"An attribute is text of at most {ATTRIBUTE_LENGTH} characters."))
    return faults
