"""Telling somebody outside about people: what was asked, on which ground, and who agreed."""
