"""Whatever is sent, the API answers as its OpenAPI document says, and never with a fault of ours.

Every operation of the document is driven: its examples, the edges of its schemas, and generated calls, right and wrong. A new
operation is driven without a line here. The seed is fixed and printed with a failure; `make test-slow` tries many more.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from config.ground import keys
from config.ground.openapi import PLACES
from tests.api.conftest import NOW
from tests.api.world import a_world, the_rest

SEED = 20261125


def the_api(most: int) -> schemathesis.BaseSchema:
    config = {
        "seed": SEED,
        "generation": {"max-examples": most, "database": "none", "with-security-parameters": False},
        "phases": {"stateful": {"enabled": False}},
    }
    document = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(
        json.loads(json.dumps(document)), config=SchemathesisConfig.from_dict(config)
    )
    schema.app = get_wsgi_application()
    return schema


@schemathesis.check
def what_is_wrong_is_refused(ctx: Any, response: Any, case: Any) -> bool | None:
    """A batch is taken although rows of it are wrong; then the rows are named."""
    if response.status_code == 202 and json.loads(response.content).get("rejected"):
        return None
    return checks.negative_data_rejection(ctx, response, case)


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
    checks.ignored_auth,
    what_is_wrong_is_refused,
]
USUAL, MANY = the_api(20), the_api(500)


@pytest.fixture
def key() -> str:
    a_world()
    the_rest("api:driver")
    return keys.create("driver", keys.SCOPES, "shop", rate=keys.FASTEST, actor="test", now=NOW)


def aim(case: Any) -> None:
    """Half of the generated calls go to what is there, so that they come further than to a 404 or another's source."""
    if case.meta is None or case.meta.phase.name.value != "fuzzing" or zlib.crc32(repr(case.body).encode()) % 2:
        return
    for name in case.path_parameters:
        case.path_parameters[name] = PLACES[name][1] if name in PLACES else case.path_parameters[name]
    if isinstance(case.body, dict) and isinstance(case.body.get("source"), str):
        case.body["source"] = "shop"


def drive(case: Any, key: str) -> None:
    aim(case)
    try:
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, checks=CHECKS)
    except BaseException as error:
        error.add_note(f"seed {SEED}")
        raise


@pytest.mark.django_db(transaction=True)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@USUAL.parametrize()
def test_every_operation_keeps_what_the_document_says(case, key):
    drive(case, key)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@MANY.parametrize()
def test_every_operation_keeps_what_the_document_says_at_length(case, key):
    drive(case, key)
