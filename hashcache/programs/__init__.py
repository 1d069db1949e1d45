"""Functions of JAX that neither trace nor compile in the next process.

This is the one room that imports JAX, and only when a program is first called.
"""

from hashcache.programs.program import BoundProgram, Program

__all__ = ["BoundProgram", "Program"]
