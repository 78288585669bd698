"""The Clowder event sink: one place for user activity and system health.

Importing this package does no work and needs the standard library and msgspec only.
"""

__all__ = ["__version__"]
__version__ = "0.1.0"
