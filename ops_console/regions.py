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

# ISO 3166-1 alpha-2 codes of each region; XK (Kosovo) is user-assigned. The United States are split by state.
_COUNTRIES: dict[Region, str] = {
    Region.CA: "CA GL PM",
    Region.CENTRAL_AM: "BZ CR GT HN MX NI PA SV",
    Region.CARIBBEAN: "AG AI AW BB BL BM BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG VI",
    Region.SA_N: "BO BR CO EC GF GY PE SR VE",
    Region.SA_S: "AR CL FK GS PY UY",
    Region.EU_N: "AX DK EE FI FO IS LT LV NO SE SJ",
    Region.EU_W: "AT BE CH DE FR GB GG IE IM JE LI LU MC NL",
    Region.EU_S: "AD AL BA CY ES GI GR HR IT ME MK MT PT RS SI SM VA XK",
    Region.EU_E: "BG BY CZ HU MD PL RO RU SK UA",
    Region.AF_N: "DZ EG EH LY MA SD TN",
    Region.AF_W: "BF BJ CI CV GH GM GN GW LR ML MR NE NG SH SL SN TG",
    Region.AF_C: "AO CD CF CG CM GA GQ ST TD",
    Region.AF_E: "BI DJ ER ET IO KE KM MG MU RE RW SC SO SS TF TZ UG YT",
    Region.AF_S: "BW LS MW MZ NA SZ ZA ZM ZW",
    Region.AS_W: "AE AM AZ BH GE IL IQ IR JO KW LB OM PS QA SA SY TR YE",
    Region.AS_C: "AF KG KZ TJ TM UZ",
    Region.AS_S: "BD BT IN LK MV NP PK",
    Region.AS_SE: "BN CC CX ID KH LA MM MY PH SG TH TL VN",
    Region.AS_E: "CN HK JP KP KR MN MO TW",
    Region.OC_AU: "AU HM NF NZ",
    Region.OC_PAC: "AS CK FJ FM GU KI MH MP NC NR NU PF PG PN PW SB TK TO TV UM VU WF WS",
    Region.AN: "AQ BV",
}
_US_STATES: dict[Region, str] = {
    Region.US_NE: "CT DC DE MA MD ME NH NJ NY PA RI VT",
    Region.US_SE: "AL AR FL GA KY LA MS NC SC TN VA WV",
    Region.US_MW: "IA IL IN KS MI MN MO ND NE OH SD WI",
    Region.US_SW: "AZ NM OK TX",
    Region.US_W: "AK CA CO HI ID MT NV OR UT WA WY",
}
UNITED_STATES = "US"
COUNTRY_REGIONS: dict[str, Region] = {code: region for region, codes in _COUNTRIES.items() for code in codes.split()}
STATE_REGIONS: dict[str, Region] = {code: region for region, codes in _US_STATES.items() for code in codes.split()}


def is_country(code: str) -> bool:
    return code == UNITED_STATES or code in COUNTRY_REGIONS


def region_of(country: str, state: str = "") -> Region:
    """Give the region of a country, by ISO 3166-1 alpha-2 code; the United States need the state's two letters.

    Raises:
        KeyError: there is no such country or state.
    """
    return STATE_REGIONS[state] if country == UNITED_STATES else COUNTRY_REGIONS[country]
