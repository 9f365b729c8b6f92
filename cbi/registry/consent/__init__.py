"""What people were told of the use of their data, and what they said yes and no to."""
