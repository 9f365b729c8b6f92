"""Who receives what, and when."""
