"""A real browser against a live server. HUITOU_SHOTS=DIR keeps a picture of every page that is looked at."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from django.contrib.auth.models import User

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's sync API runs a loop in the test's thread
PASSWORD = "a-long-enough-password"


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no chromium on the PATH: the pages are not looked at in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def admin_user(transactional_db):
    return User.objects.create_superuser("li", password=PASSWORD)


@pytest.fixture
def look(chromium, live_server, admin_user):
    """`look("zh-CN")` -> a page that is logged in, with `complaints`: what the console and the network said."""
    contexts = []

    def open_(locale: str = "zh-CN", scheme: str = "light", width: int = 1440):
        context = chromium.new_context(locale=locale, color_scheme=scheme, viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda m: m.type in ("error", "warning") and page.complaints.append(m.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("response", lambda r: r.status >= 400 and page.complaints.append(f"{r.status} {r.url}"))
        page.goto(f"{live_server.url}/admin/login/?next=/admin/")
        shot(page, f"login-{locale}-{scheme}")
        page.fill("#id_username", "li")
        page.fill("#id_password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_selector(".h-home")
        return page

    yield open_
    for context in contexts:
        context.close()


def shot(page, name: str) -> None:
    if folder := os.environ.get("HUITOU_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
