"""Is this host ready, what binds, what a burst's failure means: pure decisions on readings."""
