"""What providers charge: their tariffs, and the fees of each run."""
