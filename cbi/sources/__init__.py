"""What we ask of a place that submissions of a form are fetched from, such as a Kobo server."""
