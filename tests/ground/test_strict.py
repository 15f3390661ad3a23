"""An object that says a name twice is refused, however the body hides it."""

from __future__ import annotations

import pytest

from config.ground import strict
from config.ground.problems import Refused


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "a": "\\u003a"}',  # the colon that an escape stands for makes up for the one that is dropped
        b'{"a": 1, "a": "\\u003A"}',
        b'[{"b": {"a": ":", "x": 0, "a": ":"}}]',
        b'{"\\u0061": 1, "a" : 2}',
    ],
)
def test_a_name_said_twice_is_refused(body):
    with pytest.raises(Refused) as refusal:
        strict.read(body)
    assert refusal.value.problem.code == "malformed_json"
    assert "'a'" in refusal.value.problem.detail


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b'{"a": ":", "b:": [":", {"a": "\\":"}]}', {"a": ":", "b:": [":", {"a": '":'}]}),
        (b'{"a": "\\u003a", "b": "\\\\u003a"}', {"a": ":", "b": "\\u003a"}),
        (b'{"big": 100000000000000000000000000000000000000001}', {"big": 100000000000000000000000000000000000000001}),
    ],
)
def test_colons_in_texts_are_no_names(body, document):
    assert strict.read(body) == document
