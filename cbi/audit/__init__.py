"""What was done, and by whom: a record that shows if anyone altered it."""
