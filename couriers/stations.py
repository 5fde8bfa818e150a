"""The research stations of Antarctica, where no city is: degrees north and east, and how many people a summer has.

Positions as their national programmes publish them, to the hundredth of a degree (a kilometre at most).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Station:
    """``id`` is negative, so that it is never a GeoNames id, and stays with its station for ever."""

    id: int
    name: str
    latitude: float
    longitude: float
    people: int
    aliases: tuple[str, ...] = ()


STATIONS = (
    Station(-1, "McMurdo Station", -77.85, 166.67, 1000, ("McMurdo",)),
    Station(-2, "Amundsen-Scott South Pole Station", -90.0, 0.0, 150, ("Amundsen-Scott", "South Pole", "Pole")),
    Station(-3, "Palmer Station", -64.77, -64.05, 43, ("Palmer",)),
    Station(-4, "Scott Base", -77.85, 166.77, 86),
    Station(-5, "Casey Station", -66.28, 110.53, 99, ("Casey",)),
    Station(-6, "Davis Station", -68.58, 77.97, 91, ("Davis",)),
    Station(-7, "Mawson Station", -67.60, 62.87, 53, ("Mawson",)),
    Station(-8, "Rothera Research Station", -67.57, -68.13, 130, ("Rothera",)),
    Station(-9, "Halley Research Station", -75.57, -25.51, 70, ("Halley", "Halley VI")),
    Station(-10, "Signy Research Station", -60.71, -45.60, 10, ("Signy",)),
    Station(-11, "Concordia Station", -75.10, 123.33, 70, ("Concordia", "Dome C")),
    Station(-12, "Dumont d'Urville Station", -66.66, 140.00, 90, ("Dumont d'Urville",)),
    Station(-13, "Mario Zucchelli Station", -74.69, 164.11, 120, ("Mario Zucchelli", "Terra Nova Bay")),
    Station(-14, "Neumayer Station III", -70.67, -8.27, 60, ("Neumayer", "Neumayer Station")),
    Station(-15, "Troll Station", -72.01, 2.53, 70, ("Troll",)),
    Station(-16, "Princess Elisabeth Station", -71.95, 23.35, 40, ("Princess Elisabeth Antarctica",)),
    Station(-17, "SANAE IV", -71.67, -2.84, 100, ("SANAE",)),
    Station(-18, "Syowa Station", -69.00, 39.58, 130, ("Syowa", "Showa Station")),
    Station(-19, "Novolazarevskaya Station", -70.78, 11.87, 70, ("Novolazarevskaya",)),
    Station(-20, "Maitri", -70.77, 11.73, 65, ("Maitri Station",)),
    Station(-21, "Bharati", -69.41, 76.19, 70, ("Bharati Station",)),
    Station(-22, "Zhongshan Station", -69.37, 76.37, 60, ("Zhongshan",)),
    Station(-23, "Progress Station", -69.38, 76.39, 100, ("Progress",)),
    Station(-24, "Great Wall Station", -62.22, -58.96, 60, ("Great Wall",)),
    Station(-25, "Kunlun Station", -80.42, 77.12, 26, ("Kunlun",)),
    Station(-26, "Vostok Station", -78.46, 106.84, 40, ("Vostok",)),
    Station(-27, "Mirny Station", -66.55, 93.01, 100, ("Mirny",)),
    Station(-28, "Bellingshausen Station", -62.20, -58.96, 40, ("Bellingshausen",)),
    Station(-29, "Jang Bogo Station", -74.62, 164.23, 80, ("Jang Bogo",)),
    Station(-30, "King Sejong Station", -62.22, -58.79, 80, ("King Sejong",)),
    Station(-31, "Presidente Eduardo Frei Montalva Base", -62.20, -58.96, 150, ("Frei", "Villa Las Estrellas")),
    Station(-32, "Base General Bernardo O'Higgins", -63.32, -57.90, 60, ("O'Higgins", "O'Higgins Base")),
    Station(-33, "Arturo Prat Base", -62.48, -59.66, 30, ("Arturo Prat", "Prat")),
    Station(-34, "Esperanza Base", -63.40, -57.00, 90, ("Esperanza",)),
    Station(-35, "Marambio Base", -64.24, -56.62, 165, ("Marambio",)),
    Station(-36, "Belgrano II Base", -77.87, -34.63, 24, ("Belgrano II", "Belgrano")),
    Station(-37, "Carlini Base", -62.24, -58.67, 80, ("Carlini",)),
    Station(-38, "Orcadas Base", -60.74, -44.74, 45, ("Orcadas",)),
    Station(-39, "San Martin Base", -68.13, -67.10, 21, ("San Martin", "San Martín")),
    Station(-40, "Comandante Ferraz Station", -62.08, -58.39, 66, ("Comandante Ferraz", "Ferraz")),
    Station(-41, "Henryk Arctowski Station", -62.16, -58.47, 40, ("Arctowski",)),
    Station(-42, "Akademik Vernadsky Station", -65.25, -64.26, 24, ("Vernadsky", "Akademik Vernadsky")),
    Station(-43, "Artigas Base", -62.18, -58.90, 60, ("Artigas",)),
    Station(-44, "St. Kliment Ohridski Base", -62.64, -60.37, 22, ("St. Kliment Ohridski",)),
    Station(-45, "Juan Carlos I Base", -62.66, -60.39, 25, ("Juan Carlos I", "Juan Carlos Primero")),
    Station(-46, "Mendel Polar Station", -63.80, -57.88, 20, ("Johann Gregor Mendel", "Mendel")),
)
