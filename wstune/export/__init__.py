"""A plan for where wstune may not write itself, one format a file: pure, text out."""
