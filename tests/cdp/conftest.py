from tests.connectors.conftest import account, sandbox

__all__ = ["account", "sandbox"]
