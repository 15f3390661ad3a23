"""The other side of the wire: a counterpart that behaves as the provider does. It imports nothing of ours."""
