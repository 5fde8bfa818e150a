"""The days that a page of heatmaps or recordings is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django import forms as fields
from unfold.widgets import UnfoldAdminDateWidget


class PeriodForm(fields.Form):
    """From the beginning of one day to the end of another, in UTC; neither need be given."""

    first = fields.DateField(label="From", required=False, widget=UnfoldAdminDateWidget(attrs={"type": "date"}))
    last = fields.DateField(label="To", required=False, widget=UnfoldAdminDateWidget(attrs={"type": "date"}))

    @property
    def date_from(self) -> datetime | None:
        return _midnight(day) if (day := self.cleaned_data["first"]) else None

    @property
    def date_to(self) -> datetime | None:
        """The midnight after; of the last day there is, its own."""
        day = self.cleaned_data["last"]
        return _midnight(min(day, date.max - timedelta(days=1)) + timedelta(days=1)) if day else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
