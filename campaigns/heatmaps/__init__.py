"""Touches of screens: taken up, kept by day, and counted in the cells of a grid (docs/heatmaps.md)."""
