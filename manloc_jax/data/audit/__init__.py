"""Is an image tree fit for training? Every file checked, leaks counted."""
