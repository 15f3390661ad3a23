import pytest

from config.ground import clock
from connectors import accounts
from tests.connectors.builders import NOW, Sandbox, an_account


@pytest.fixture
def sandbox(tmp_path):
    running = Sandbox(tmp_path / "accepted.jsonl")
    yield running
    running.kill()


@pytest.fixture
def account(sandbox, transactional_db):
    """An account at the running sandbox; the brand's clock stands at NOW."""
    made = an_account(sandbox.url)
    clock.stand(NOW, by="test")
    return made


@pytest.fixture
def heard(account, sandbox, live_server):
    """The sandbox calls back over HTTP. Gives the address that it calls."""
    url = accounts.callback_url(account, live_server.url)
    sandbox.control("callback", url=url)
    return url
