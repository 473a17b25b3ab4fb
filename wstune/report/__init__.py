"""Reports as text, one format a file: pure, text out."""
