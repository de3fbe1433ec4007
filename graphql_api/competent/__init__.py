"""The Competent API: routes, HAL documents, releases, and the declarations of concepts and fields."""
