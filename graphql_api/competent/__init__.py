"""What Competent's documents mean: HAL, routes, releases, fields."""
