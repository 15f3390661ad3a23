from cdp import absorb

__all__ = ["absorb"]
