"""What the flows of a process share while they run."""
