"""Who may enter which room. An import that goes up or sideways fails here, those inside functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A room and the rooms it may import, besides itself. The roof (config) may import everything and is imported by nobody.
MAY_IMPORT = {
    "config.ground": set(),
    "cdp": {"config.ground"},
    "loyalty": {"config.ground", "cdp"},
    "connectors": {"config.ground", "cdp"},
    "automation": {"config.ground", "cdp", "loyalty", "connectors"},
    "connectors.sandbox": set(),
}
ROOMS = (*MAY_IMPORT, "config")
# Inside a room: doors may import verbs, verbs may not import doors.
DOORS = ("api", "admin", "tasks", "management", "readers")


def room(module: str) -> str | None:
    """The innermost room that a dotted module stands in."""
    inside = [name for name in ROOMS if module == name or module.startswith(name + ".")]
    return max(inside, key=len, default=None)


def modules() -> Iterator[tuple[str, Path]]:
    for top in ("config", "cdp", "loyalty", "connectors", "automation"):
        for path in sorted((ROOT / top).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide their room"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def forbidden(module: str, imported: str) -> bool:
    here, there = room(module), room(imported)
    if there is None or here == there or here is None:
        return False
    return there == "connectors.sandbox" or (here != "config" and there not in MAY_IMPORT[here])


def is_door(module: str) -> bool:
    inner = module.removeprefix(room(module) or "").lstrip(".")
    return inner.split(".")[0] in DOORS


def test_no_import_goes_up_or_sideways():
    bad = [
        f"{module} imports {name}" for module, path in modules() for name in imports(path) if forbidden(module, name)
    ]

    assert bad == []


def test_verbs_do_not_import_doors():
    bad = [
        f"{module} imports {name}"
        for module, path in modules()
        for name in imports(path)
        if not is_door(module) and room(module) not in (None, "config") and room(name) == room(module) and is_door(name)
    ]

    assert bad == []


def test_journeys_do_not_import_results():
    bad = [
        f"{module} imports {name}"
        for module, path in modules()
        for name in imports(path)
        if module.startswith("automation.")
        and not module.startswith("automation.results")
        and not is_door(module)
        and name.startswith("automation.results")
    ]

    assert bad == []


@pytest.mark.parametrize(
    ("module", "imported", "wrong"),
    [
        ("cdp.feed", "loyalty.prizes.give", True),
        ("loyalty.prizes", "connectors.outbox.enqueue", True),
        ("config.ground.clock", "cdp.models.Member", True),
        ("automation.runner", "config.settings", True),
        ("connectors.dispatch", "connectors.sandbox.server", True),
        ("connectors.sandbox.server", "connectors.models", True),
        ("automation.runner", "loyalty.prizes.give", False),
        ("config.management.commands.demo", "automation.runner", False),
    ],
)
def test_the_rule_itself(module, imported, wrong):
    assert forbidden(module, imported) is wrong
