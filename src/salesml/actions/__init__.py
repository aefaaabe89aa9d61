"""What to do next: effects that were learnt from what was tried."""
