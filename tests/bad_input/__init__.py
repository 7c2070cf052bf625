"""What a user may pass by mistake, and what the library says to it."""
