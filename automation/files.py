"""A journey as a text: YAML in, YAML out, the same document after the round trip.

Stricter than YAML: a key twice, an anchor, a tag, another key than a text, or more than LARGEST is refused; "10:00" and dates
stay the text that they look like. JSON is YAML, so a JSON document is read too.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from django.utils.translation import gettext as _

from automation.errors import InvalidJourney
from cdp.errors import Fault

LARGEST = 65_536  # characters
# The order in which people read a journey; a stored document has none.
ORDER = """
    id key name zh en priority trigger schedule cron event type timezone misfire entry reentry mode holdout exit
    goal goal_exits steps do wait until time weekdays late_ok late branch when channel template data valid_for
    points reason all any not field op value did within from to count sum of else next end after
"""
PLACES = {key: place for place, key in enumerate(ORDER.split())}
RESOLVERS = (
    ("bool", r"(?:true|false)\Z", ["t", "f"]),
    ("null", r"(?:null|~|)\Z", ["n", "~", ""]),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})\Z", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}(?:e[-+][0-9]{1,3})?\Z", list("-0123456789")),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem=_("anchors are not used here"), problem_mark=self.peek_event().start_mark
            )
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    """Quotes what any reader of YAML could take for something else than a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Line ends that YAML would fold are written as escapes."""
    style = '"' if re.search("[\\x80-\\x9f\\u2028\\u2029]", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
for _tag, _form, _first in RESOLVERS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_form), _first)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(problem=_("a key is a text"), problem_mark=key_node.start_mark)
        if key in found:
            problem = _("the key %(key)s is given twice") % {"key": key}
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.yaml_constructors = {
    tag: make
    for tag, make in _Loader.yaml_constructors.items()
    if tag is None or tag.endswith((":map", ":seq", ":str", ":int", ":float", ":bool", ":null"))
}


def read(text: str) -> dict[str, Any]:
    """Raises InvalidJourney with the line of what cannot be read."""
    if len(text) > LARGEST:
        raise _refused("too_large", _("a journey has at most %(n)s characters") % {"n": LARGEST})
    try:
        document = yaml.load(text, Loader=_Loader)  # a SafeLoader, made stricter
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refused("unreadable", _("line %(line)s: %(problem)s") % {"line": line, "problem": error.problem})
    except yaml.YAMLError as error:
        raise _refused("unreadable", str(error))
    except RecursionError:
        raise _refused("unreadable", _("nested too deep to be a journey"))
    if not isinstance(document, dict):
        raise _refused("wrong_type", _("a journey is an object with key, name, trigger, entry, steps"))
    return document


def write(document: dict[str, Any]) -> str:
    return yaml.dump(
        _ordered(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
    )


def _ordered(part: Any) -> Any:
    if isinstance(part, dict):
        keys = sorted(part, key=lambda key: PLACES.get(key, len(PLACES)))
        return {key: _ordered(part[key]) for key in keys}
    return [_ordered(item) for item in part] if isinstance(part, list) else part


def _refused(code: str, message: str) -> InvalidJourney:
    return InvalidJourney([Fault("", code, message)])
