"""RFC 6455, bytes in and bytes out: no socket anywhere."""
