"""What the project's claims about speed rest on: each prints a value, its bound and an exit code."""
