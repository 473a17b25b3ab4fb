"""wstune makes a Linux host ready for very many WebSocket connections, and proves it."""

__version__ = "0.1.0"
