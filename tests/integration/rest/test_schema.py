from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

from ops_console.rest.openapi import complete
from tests.integration.rest import sample


@pytest.fixture(scope="module")
def schema() -> Any:
    generator = SchemaGenerator(patterns=sample.urlpatterns)
    result = generator.get_schema(request=None, public=True)
    return complete(result, None, None, True)


def operations(schema: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_operation_has_its_errors_as_problems(schema: Any) -> None:
    for _, _, operation in operations(schema):
        for status in ("400", "401", "403", "429"):
            content = operation["responses"][status]["content"]
            assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_errors_are_those_that_can_happen(schema: Any) -> None:
    notes, organizations = schema["paths"]["/pigeon/v1/{account}/notes"], schema["paths"]["/api/v1/organizations"]
    assert {"402", "404", "409", "422", "429"} <= notes["post"]["responses"].keys()
    assert not {"409", "413", "422"} & notes["get"]["responses"].keys()
    assert not {"402", "404"} & organizations["get"]["responses"].keys()


def test_callers_sign_in_as_the_view_says(schema: Any) -> None:
    security = {path: operation["security"] for path, _, operation in operations(schema) if "forgotten" not in path}
    assert security["/pigeon/v1/{account}/notes"] == [{"pgnProtocolAuth": []}]
    assert security["/api/v1/organizations"] == [{"bearer": []}, {"staffSession": []}]
    assert schema["components"]["securitySchemes"]["pgnProtocolAuth"]["scheme"] == "basic"


def test_a_list_tells_its_orderings(schema: Any) -> None:
    parameters = schema["paths"]["/api/v1/organizations"]["get"]["parameters"]
    (ordering,) = [parameter for parameter in parameters if parameter["name"] == "ordering"]
    assert ordering["schema"] == {"type": "string", "enum": ["-createdAt", "name"], "default": "-createdAt"}


@pytest.mark.django_db
def test_the_whole_schema_is_valid(client: Client, settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "ops_console.urls"
    response = client.get("/api/schema/?format=json", headers={"Accept": "application/json"})
    assert response.status_code == 200
    schema = response.json()
    validate_schema(schema)
    assert all("_" not in part for path in schema["paths"] for part in path.split("/") if part.startswith("{"))
    assert all("500" not in operation["responses"] for _, _, operation in operations(schema))


def test_the_docs_page_needs_neither_internet_nor_inline_code(client: Client, settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "ops_console.urls"
    response = client.get("/api/docs/")
    page = response.content.decode()
    assert response.status_code == 200
    assert "<style" not in page
    assert "http" not in page
    assert page.count("<script src=") == page.count("<script") == 3
    assert client.get("/api/docs/?script=")["Content-Type"].startswith("application/javascript")
    script = client.head("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")
    assert script.status_code == 200
