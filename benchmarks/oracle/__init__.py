"""What a search is measured on without a GPU: tables that are resampled, and functions fitted to tables."""
