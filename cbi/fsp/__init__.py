"""What we ask of a financial service provider: all that an adapter may import, and the tests it must pass."""
