"""The library that may end a process stands behind one door, and what tries it in another process needs nothing of ours but that."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.test_imports import ROOT, imports, modules

LIBRARY = ("durable", "durable_rules_engine")


def test_one_module_imports_the_library():
    using = [module for module, path in modules() if any(name.split(".")[0] in LIBRARY for name in imports(path))]

    assert using == ["automation.realtime.durable"]


def test_the_trial_needs_no_settings_and_no_database():
    code = "import sys, automation.realtime.trial; print(sorted({m.split('.')[0] for m in sys.modules} & {'django', 'cdp', 'config'}))"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True)

    assert (done.stdout.strip(), done.stderr) == ("[]", "")
