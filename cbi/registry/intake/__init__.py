"""Registration lists as they come: opened, read row by row, and landed as households or kept with reasons."""
