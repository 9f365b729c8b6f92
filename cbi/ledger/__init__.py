"""The books: where the money sits, and whose it is."""
