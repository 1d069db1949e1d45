"""Fitting parameters to data; each method is a module, and `phasic.inference.graph` what graphs offer."""
