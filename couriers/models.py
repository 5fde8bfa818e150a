"""Couriers and the places on Earth they fly between."""

from __future__ import annotations

import re
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from couriers.querysets import CourierQuerySet, PlaceQuerySet
from couriers.varieties import TOP_PAYLOAD_G, TOP_SPEED_KMH, Variety
from ops_console.regions import Region
from ops_console.state_machine import TransitionEvent

PGN_ID = re.compile(r"^[A-Z]{3}[0-9]{3}[A-Z]\Z")


class Place(models.Model):
    """A city or research station that addresses resolve to. Reference data, loaded by ``loadplaces``."""

    # The GeoNames id; research stations are negative.
    id = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=200)
    # Every name it goes by, folded by ``couriers.places.fold_name``.
    names = ArrayField(models.CharField(max_length=300))
    country = models.CharField(max_length=2)
    admin1 = models.CharField(max_length=20, blank=True)
    region = models.CharField(max_length=12, choices=Region.choices)
    latitude = models.FloatField()
    longitude = models.FloatField()
    cell = models.BigIntegerField()
    population = models.BigIntegerField()

    objects = PlaceQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # Resolving an address.
            GinIndex(fields=["names"], name="place_names", fastupdate=False),
            # The place nearest to a point.
            models.Index(fields=["cell"], name="place_cell"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.country}"


class CourierStatus(models.TextChoices):
    AVAILABLE = "available", "Available"
    BUSY = "busy", "Busy"
    RESTING = "resting", "Resting"
    OFFLINE = "offline", "Offline"


class Courier(models.Model):
    """A pigeon. Speed in km/h, payload in grams, place in degrees north and east."""

    id = models.BigAutoField(primary_key=True)
    pgn_id = models.CharField("pgnId", max_length=7, unique=True, validators=[RegexValidator(PGN_ID.pattern)])
    variety = models.CharField(max_length=20, choices=Variety.choices)
    speed_kmh = models.FloatField()
    payload_g = models.FloatField()
    partner = models.CharField(max_length=100)
    status = models.CharField(max_length=12, choices=CourierStatus.choices, default=CourierStatus.AVAILABLE)
    region = models.CharField("home region", max_length=12, choices=Region.choices)
    latitude = models.FloatField()
    longitude = models.FloatField()
    # Of ``couriers.grid``: where a search for the nearest looks.
    cell = models.BigIntegerField()
    # When a busy or resting courier can fly again, as far as is known; since when an available one could.
    ready_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CourierQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The nearest available courier.
            models.Index(fields=["cell"], condition=Q(status="available"), name="courier_available_cell"),
            # Whether anybody at all could still make it; any status but offline.
            models.Index(fields=["cell"], condition=~Q(status="offline"), name="courier_working_cell"),
            # Waking the rested.
            models.Index(fields=["ready_at"], condition=Q(status="resting"), name="courier_resting_ready"),
            # GET couriers, and the console's filters.
            models.Index(fields=["region", "pgn_id"], name="courier_region"),
        ]
        constraints: ClassVar = [
            # Searches by time rely on the bound.
            models.CheckConstraint(
                name="courier_speed", condition=Q(speed_kmh__gt=0) & Q(speed_kmh__lte=TOP_SPEED_KMH)
            ),
            models.CheckConstraint(
                name="courier_payload", condition=Q(payload_g__gt=0) & Q(payload_g__lte=TOP_PAYLOAD_G)
            ),
            models.CheckConstraint(
                name="courier_place",
                condition=Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
            ),
        ]

    def __str__(self) -> str:
        return self.pgn_id


class CourierEvent(TransitionEvent):
    """A step of a courier's day."""

    subject = models.ForeignKey(Courier, models.CASCADE, related_name="events")
