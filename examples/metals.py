"""Relaxed cells and equations of state of a few metals, computed once and looked up ever after.

Run it as it is: it runs itself in two fresh processes on one cache, and then shows what a changed
global and changed atoms do. Needs the `ase` package (``pip install 'hashcache[examples]'``).
"""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.eos import EquationOfState
from ase.optimize import BFGS
from report import fresh_process, own_cache, table, timed

from hashcache import hashcache

METALS = ("Al", "Cu", "Pd", "Au")
STRAIN = 0.04
DISPLACEMENT = 0.08


@hashcache
def equation_of_state(symbol: str, points: int = 9) -> dict[str, float]:
    """Return volume (A^3), energy (eV) and bulk modulus (eV/A^3) per unit cell at zero pressure."""
    crystal = bulk(symbol, cubic=True) * (3, 3, 3)
    volumes, energies = [], []
    for strain in np.linspace(1 - STRAIN, 1 + STRAIN, points):
        strained = crystal.copy()
        strained.set_cell(crystal.cell * strain, scale_atoms=True)
        strained.calc = EMT()
        volumes.append(strained.get_volume())
        energies.append(strained.get_potential_energy())
    volume, energy, modulus = EquationOfState(volumes, energies).fit()
    return {"volume": volume / 27, "energy": energy / 27, "modulus": modulus}


@hashcache
def relaxed(symbol: str, seed: int) -> np.ndarray:
    """Return the positions (A) that a disturbed crystal relaxes to."""
    crystal = bulk(symbol, cubic=True) * (2, 2, 2)
    crystal.rattle(DISPLACEMENT, seed=seed)
    crystal.calc = EMT()
    BFGS(crystal, logfile=None).run(fmax=0.01)
    return crystal.get_positions()


@hashcache
def potential_energy(atoms: Atoms) -> float:
    """Return the energy (eV); the calculator keeps it, which changes the argument."""
    return atoms.get_potential_energy()


@hashcache(mutation="replay")
def settled_energy(atoms: Atoms) -> float:
    """Return the energy (eV); a hit leaves atoms and calculator as the call would have left them."""
    return atoms.get_potential_energy()


def palladium() -> Atoms:
    """Return a crystal whose energy nobody has asked for yet."""
    atoms = bulk("Pd")
    atoms.calc = EMT()
    return atoms


def compute() -> dict[str, float]:
    """Call everything once, and return the seconds that each took."""
    seconds = {}
    for symbol in METALS:
        _, seconds[f"equation of state, {symbol}"] = timed(symbol, equation_of_state, symbol)
    for symbol in METALS:
        _, seconds[f"relaxation, {symbol}"] = timed(f"{symbol}, seed 1", relaxed, symbol, 1)
    return seconds


def main() -> None:
    """Tell the whole story."""
    print("First process, empty cache:")
    computed = fresh_process(__file__, "compute")
    print("Second process, same cache:")
    cached = fresh_process(__file__, "compute")

    print("The global STRAIN changes from 0.04 to 0.06:")
    global STRAIN
    STRAIN = 0.06
    timed("Cu", equation_of_state, "Cu")
    print("and back:")
    STRAIN = 0.04
    timed("Cu", equation_of_state, "Cu")
    timed("Cu, spelled otherwise", equation_of_state, "Cu", 9)

    print("Atoms that the call changes (the calculator stores its results on itself):")
    atoms = palladium()
    timed("Pd", potential_energy, atoms)
    timed("Pd, same atoms again", potential_energy, atoms)
    timed("Pd, and again", potential_energy, atoms)
    atoms.set_cell(atoms.cell * 1.02, scale_atoms=True)
    value, _ = timed("Pd, strained", potential_energy, atoms)
    assert value == potential_energy.uncached(atoms)

    print("The same with mutation='replay', which repeats the change on a hit:")
    for label in ("Pd", "Pd, fresh atoms"):
        atoms = palladium()
        value, _ = timed(label, settled_energy, atoms)
        assert atoms.calc.results["energy"] == value

    table("Metals: seconds per call", computed, cached)


if __name__ == "__main__":
    warnings.simplefilter("default")
    if sys.argv[1:] == ["compute"]:
        print(json.dumps(compute()))
    else:
        with own_cache():
            main()
