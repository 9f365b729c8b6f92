"""A made-up office for a day: people who do not exist, and everything the engine does for them."""
