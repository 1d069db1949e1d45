"""From a callback to machine code that answers what Python would, or says that it cannot.

Numba takes integers to be 64 bits wide and indices to be in bounds. A callback was written for Python,
where neither is so. It is therefore compiled with checks: arithmetic on integers that would wrap, and an
index out of bounds, raise, and whoever runs the code asks Python about that state instead.

Importing a module of this package loads numba.
"""
