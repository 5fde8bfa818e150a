"""Forms for templates: variables and values as lines of text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from io import StringIO

from django import forms as fields

from campaigns.models import TemplateType, TemplateVersion
from campaigns.rendering.compiled import TITLE_LENGTH
from campaigns.services.templates import BODY_LENGTH, SOURCES, NewVariable
from ops_console.console import forms
from ops_console.organizations.admin.rosters import paragraph

BETWEEN_ADDRESSES = re.compile(r"[\s,;]+")
REQUIRED, OPTIONAL = "required", "optional"
LINES = (
    "One on each line: name; profile or custom; required or optional; default; description. "
    "All but the name may be left out."
)


def body_field() -> fields.CharField:
    return paragraph("Body", required=False, max_length=BODY_LENGTH, help_text="Values stand as {{name}}.")


def variables_field() -> fields.CharField:
    return paragraph("Variables", required=False, help_text=LINES)


class VariablesForm(forms.ConsoleForm):
    """The base of what has variables; a body keeps its spaces."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["body"].strip = False  # type: ignore[attr-defined]

    def clean_body(self) -> str:
        # Browsers send lines as mail does.
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")

    def clean_variables(self) -> list[NewVariable]:
        return parse_variables(self.cleaned_data["variables"])


class NewTemplateForm(VariablesForm):
    organization = forms.line("Organization", help_text="Its id, or its exact name.")
    name = forms.line("Name")
    type = forms.choice("Type", TemplateType.choices)
    title = forms.line("Title", required=False, max_length=TITLE_LENGTH, help_text="Values stand as {{name}}.")
    body = body_field()
    variables = variables_field()


class NewVersionForm(VariablesForm, forms.OptionalReasonForm):
    field_order = ("body", "variables", "reason")
    body = body_field()
    variables = variables_field()


class MembersForm(forms.ConsoleForm):
    """The base of what names members by their e-mail addresses."""

    def clean_user_ids(self) -> list[str]:
        return [address for address in BETWEEN_ADDRESSES.split(self.cleaned_data["user_ids"]) if address]


class RecipientsForm(MembersForm):
    user_ids = paragraph(
        "E-mail addresses",
        required=False,
        help_text="Of up to 20 recipients, one on each line. The first 5 when left out.",
    )


class PreviewForm(MembersForm):
    user_ids = paragraph("E-mail addresses", required=True, help_text="Of up to 20 members, one on each line.")
    variables = paragraph("Values", required=False, help_text="For all of them, one on each line, as in day: Monday.")
    version = forms.whole_number("Version", help_text="The newest when left out.")

    def clean_variables(self) -> dict[str, str]:
        lines = [line for line in self.cleaned_data["variables"].splitlines() if line.strip()]
        if unclear := [line for line in lines if ":" not in line]:
            raise fields.ValidationError(f"There is no colon in: {unclear[0]}")
        return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def clean_version(self) -> int:
        return self.cleaned_data["version"] or 0


def parse_variables(text: str) -> list[NewVariable]:
    """Variables out of their lines.

    Raises:
        ValidationError: naming a word that is unclear.
    """
    rows = csv.reader(text.splitlines(), delimiter=";", skipinitialspace=True)
    return [_variable([cell.strip() for cell in row]) for row in rows if any(map(str.strip, row))]


def write_variables(version: TemplateVersion) -> str:
    """The variables of a version, one on each line."""
    file = StringIO()
    writer = csv.writer(file, delimiter=";", lineterminator="\n")
    for variable in version.variables:
        need = REQUIRED if variable["required"] else OPTIONAL
        # A line is one variable.
        description = " ".join(variable["description"].split())
        writer.writerow([variable["name"], variable["source"], need, variable["default_value"], description])
    return file.getvalue()


def _variable(cells: Sequence[str]) -> NewVariable:
    name, source, need, default, description, *rest = [*cells, "", "", "", ""][: max(5, len(cells))]
    if rest:
        raise fields.ValidationError(f"There are more than five parts in the line of {name}.")
    _check(name, source or SOURCES[0], SOURCES)
    _check(name, need or OPTIONAL, (REQUIRED, OPTIONAL))
    return NewVariable(name, description, need == REQUIRED, source or SOURCES[0], default)


def _check(name: str, word: str, words: Iterable[str]) -> None:
    if word not in words:
        raise fields.ValidationError(f"In the line of {name}, {word} is none of {', '.join(words)}.")
