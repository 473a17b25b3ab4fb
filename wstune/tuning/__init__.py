"""Change the host and take it back: plan (pure), journal, apply, rollback."""
