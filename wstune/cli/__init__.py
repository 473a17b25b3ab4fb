"""The command line: one file a verb, one error boundary."""
