"""Forms of the confirmation pages. They only shape data: the services hold the rules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from ops_console.errors import InvalidInput

REASON_LENGTH = 200


class ConsoleForm(forms.Form):
    """``once`` names this page: confirming it a second time does nothing more."""

    once = forms.CharField(max_length=64, widget=forms.HiddenInput, initial=lambda: uuid4().hex)

    def add_faults(self, error: InvalidInput) -> None:
        """Show a service's complaints at their fields, and what belongs to none above them."""
        for fault in error.errors:
            name = field_of(fault.path)
            self.add_error(name if name in self.fields else None, fault.message)

    def service_data(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "once"}


class ReasonForm(ConsoleForm):
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        widget=UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2}),
        help_text="Kept with the change, for whoever reads the trail.",
    )


class OptionalReasonForm(ConsoleForm):
    reason = forms.CharField(
        max_length=REASON_LENGTH, required=False, widget=UnfoldAdminExpandableTextareaWidget(attrs={"rows": 2})
    )


def field_of(path: Sequence[str | int]) -> str:
    """The form's field for a path of a service: its last name, pgnId as pgn_id."""
    names = [part for part in path if isinstance(part, str)]
    return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", names[-1]).lower() if names else ""


def money(label: str, *, help_text: str = "") -> forms.DecimalField:
    """An amount in US dollars."""
    widget = UnfoldAdminDecimalFieldWidget(attrs={"step": "0.01", "inputmode": "decimal"})
    return forms.DecimalField(label=label, widget=widget, help_text=help_text, max_digits=14)


def line(label: str, *, required: bool = True, max_length: int = 200, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=max_length,
        help_text=help_text,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )


def secret(label: str, *, required: bool = True, max_length: int = 200, help_text: str = "") -> forms.CharField:
    """A line that is not shown while it is typed, nor when the form comes back."""
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=required, max_length=max_length, help_text=help_text, widget=widget)


def email(label: str, *, help_text: str = "") -> forms.CharField:
    widget = UnfoldAdminEmailInputWidget(attrs={"autocomplete": "off"})
    return forms.CharField(label=label, max_length=254, widget=widget, help_text=help_text)


def whole_number(label: str, *, help_text: str = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, widget=UnfoldAdminIntegerFieldWidget(), help_text=help_text)


def choice(label: str, choices: Sequence[tuple[str, str]], *, required: bool = True) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, required=required, widget=UnfoldAdminSelectWidget())
