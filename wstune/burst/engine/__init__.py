"""The processes of one burst, and what they say to each other."""
