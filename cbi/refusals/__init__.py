"""What one person proposed and another has to accept can be refused, with a reason, in one way for every kind of it."""
