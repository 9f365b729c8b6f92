"""Places as a tree: provinces, communes and what is below them, with their codes and names."""
