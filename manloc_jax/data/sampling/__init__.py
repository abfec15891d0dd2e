"""Which patches an image gives, and how they are cut."""
