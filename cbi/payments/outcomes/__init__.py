"""What became of payments: believed, booked or disputed, and explained by somebody where accounts differ."""
