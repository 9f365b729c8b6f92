"""Texts to and from telephones."""
