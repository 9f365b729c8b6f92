"""`cbi verify`: proves from the raw tables, at any moment, the promises that the engine makes."""
