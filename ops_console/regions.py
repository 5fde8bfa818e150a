"""The regions couriers fly from, and the loft city each is priced from."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices


class Region(TextChoices):
    US_NE = "US_NE", "United States, northeast"
    US_SE = "US_SE", "United States, southeast"
    US_MW = "US_MW", "United States, midwest"
    US_SW = "US_SW", "United States, southwest"
    US_W = "US_W", "United States, west"
    CA = "CA", "Canada and Greenland"
    CENTRAL_AM = "CENTRAL_AM", "Mexico and Central America"
    CARIBBEAN = "CARIBBEAN", "Caribbean"
    SA_N = "SA_N", "South America, north"
    SA_S = "SA_S", "South America, south"
    EU_N = "EU_N", "Northern Europe"
    EU_W = "EU_W", "Western Europe"
    EU_S = "EU_S", "Southern Europe"
    EU_E = "EU_E", "Eastern Europe"
    AF_N = "AF_N", "Northern Africa"
    AF_W = "AF_W", "Western Africa"
    AF_C = "AF_C", "Central Africa"
    AF_E = "AF_E", "Eastern Africa"
    AF_S = "AF_S", "Southern Africa"
    AS_W = "AS_W", "Western Asia"
    AS_C = "AS_C", "Central Asia"
    AS_S = "AS_S", "Southern Asia"
    AS_SE = "AS_SE", "Southeast Asia"
    AS_E = "AS_E", "Eastern Asia"
    OC_AU = "OC_AU", "Australia and New Zealand"
    OC_PAC = "OC_PAC", "Pacific islands"
    AN = "AN", "Antarctica"


@dataclass(frozen=True)
class Loft:
    """Where a region's prices are measured from; degrees north and east."""

    city: str
    latitude: float
    longitude: float


LOFTS: dict[Region, Loft] = {
    Region.US_NE: Loft("Philadelphia", 39.952, -75.164),
    Region.US_SE: Loft("Atlanta", 33.749, -84.388),
    Region.US_MW: Loft("Chicago", 41.850, -87.650),
    Region.US_SW: Loft("Santa Fe", 35.687, -105.938),
    Region.US_W: Loft("Sacramento", 38.582, -121.494),
    Region.CA: Loft("Winnipeg", 49.884, -97.147),
    Region.CENTRAL_AM: Loft("Mexico City", 19.428, -99.128),
    Region.CARIBBEAN: Loft("Kingston", 17.997, -76.794),
    Region.SA_N: Loft("Bogota", 4.610, -74.082),
    Region.SA_S: Loft("Cordoba", -31.413, -64.181),
    Region.EU_N: Loft("Stockholm", 59.329, 18.069),
    Region.EU_W: Loft("Brussels", 50.850, 4.349),
    Region.EU_S: Loft("Modena", 44.648, 10.925),
    Region.EU_E: Loft("Krakow", 50.061, 19.937),
    Region.AF_N: Loft("Cairo", 30.063, 31.250),
    Region.AF_W: Loft("Accra", 5.556, -0.197),
    Region.AF_C: Loft("Kinshasa", -4.328, 15.314),
    Region.AF_E: Loft("Nairobi", -1.283, 36.817),
    Region.AF_S: Loft("Johannesburg", -26.202, 28.044),
    Region.AS_W: Loft("Baghdad", 33.341, 44.401),
    Region.AS_C: Loft("Tashkent", 41.265, 69.216),
    Region.AS_S: Loft("Agra", 27.183, 78.017),
    Region.AS_SE: Loft("Singapore", 1.290, 103.850),
    Region.AS_E: Loft("Shanghai", 31.222, 121.458),
    Region.OC_AU: Loft("Melbourne", -37.814, 144.963),
    Region.OC_PAC: Loft("Suva", -18.142, 178.442),
    Region.AN: Loft("McMurdo Station", -77.846, 166.676),
}
