"""Whoever registers themself, is referred by a partner, or only asks: a queue, and an answer that they can look up."""
