"""Addition and concatenation."""
