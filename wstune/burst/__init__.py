"""The burst: very many connections, opened, held and used, by lean processes."""
