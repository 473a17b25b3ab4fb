"""Inputs that others may send, mutated by structure: none of them may make wstune fail in a way that nobody foresaw."""
