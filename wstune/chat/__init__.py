"""The built-in chat server and its page."""
