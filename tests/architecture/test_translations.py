"""Every text that a user may read exists in Chinese; placeholders survive the translation."""

from __future__ import annotations

import re

from babel.messages.mofile import read_mo

from config.translations import CATALOGUE, catalogue, extract

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}|%[sd]")


def test_every_text_has_its_chinese():
    known = catalogue()

    missing = [message for message in extract() if not known.get(message) or not known[message].string]

    assert missing == []


def test_nothing_is_translated_that_nobody_says():
    said = set(extract())

    assert [message.id for message in catalogue() if message.id and message.id not in said] == []


def test_placeholders_survive():
    def holes(text):
        texts = text if isinstance(text, tuple | list) else [text]
        return {hole for one in texts for hole in PLACEHOLDER.findall(one)}

    assert [m.id for m in catalogue() if m.id and holes(m.id) != holes(m.string)] == []


def test_the_compiled_catalogue_is_the_written_one():
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)

    assert texts(compiled) == texts(catalogue())


def texts(messages):
    return {as_tuple(message.id): as_tuple(message.string) for message in messages if message.id}


def as_tuple(text):
    return (text,) if isinstance(text, str) else tuple(text)
