"""Chairs turned before a camera: meshes read or generated, rendered and kept on the disk."""
