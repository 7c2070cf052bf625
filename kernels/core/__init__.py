"""What both targets and all families share: scalar mathematics, memory, templates."""
