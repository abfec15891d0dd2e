"""Lists files: walks folders and reads tables."""
