"""What happened, put together for whoever has to know: each fact comes from the stage that owns it."""
