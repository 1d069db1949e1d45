"""The cases of the blog post that started this: sections 1 and 2, with the problems solved."""

from __future__ import annotations

import warnings

import pytest

from hashcache import MutationWarning, hashcache

SLOW = "print('If you see this, go get a coffee while it runs')"


def computed(output: str) -> int:
    return output.count("coffee")


def test_a_call_is_computed_once_and_then_looked_up(python):
    code = f"""
from hashcache import hashcache
@hashcache
def f2(x=1.0, a=3):
    {SLOW}
    return a * x**2
print(f2(2), f2(2, a=3), f2(2, 4), f2(x=2), f2(a=3, x=2))
"""
    first, again = python(code), python(code, seed=1)
    assert computed(first) == 2
    assert first.endswith("12 12 16 12 12\n")
    assert again == "12 12 16 12 12\n"


def test_a_changed_global_recomputes_and_setting_it_back_hits(python):
    code = f"""
from hashcache import hashcache
a = 3
@hashcache
def h4(x=1.0):
    {SLOW}
    return a*x**2
print(h4(2), h4(2), h4(2))
a = 0
print(h4(2), h4(2), h4(2))
a = 3
print(h4(2))
"""
    output = python(code)
    assert computed(output) == 2
    assert [line for line in output.splitlines() if "coffee" not in line] == ["12 12 12", "0 0 0", "12"]


def test_comments_docstrings_and_names_of_locals_do_not_recompute(python):
    before = f"""
from hashcache import hashcache
a = 3
@hashcache
def h4(x=1.0):
    {SLOW}
    y = x**2
    return a*y
print(h4(2))
"""
    after = f'''
from hashcache import hashcache


unrelated = 1
a = 3
@hashcache
def h4(x: float = 1.0) -> float:
    """doc string"""
    # comments
    {SLOW}

    squared = (
        x**2
    )
    return a*squared
print(h4(2))
'''
    assert computed(python(before)) == 1
    assert computed(python(after)) == 0


def test_every_way_to_run_a_function_shares_its_entries(python, tmp_path):
    body = f"""
from hashcache import hashcache
@hashcache
def h1(x):
    {SLOW}
    return x**2
"""
    (tmp_path / "job.py").write_text(body + "print(h1(2), h1(2))\n")
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "other.py").write_text("# moved\n" + body)
    cell = f"import __main__; exec(compile({body!r}, '<cell 3>', 'exec'), vars(__main__)); print(h1(2))"
    assert computed(python(None, "job.py")) == 1
    assert computed(python("import job")) == 0
    assert computed(python(body + "print(h1(2))")) == 0
    assert computed(python(cell)) == 0
    assert computed(python(None, "-", stdin=body + "print(h1(2))")) == 0
    assert computed(python("from other import h1; print(h1(2))", cwd=tmp_path / "moved")) == 0


def test_a_notebook_cell_shares_them_too(python, tmp_path):
    (tmp_path / "home").mkdir()  # IPython wants to write to it
    body = f"""
from hashcache import hashcache
@hashcache
def h1(x):
    {SLOW}
    return x**2
print(h1(2))
"""
    assert computed(python(body)) == 1
    cell = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell({body!r}).raise_error()
shell.run_cell({"# another cell" + body!r}).raise_error()
"""
    assert computed(python(cell, seed=3)) == 0


def test_the_location_and_verbose_are_set_as_in_the_blog(python, tmp_path):
    code = f"""
from hashcache import hashcache
hashcache.location = {str(tmp_path / "elsewhere")!r}
hashcache.verbose = False
@hashcache
def h1(x):
    return x**2
print(h1(2), h1(2))
"""
    assert python(code) == "4 4\n"
    assert list((tmp_path / "elsewhere").rglob("*"))


@pytest.fixture
def atoms():
    build = pytest.importorskip("ase.build")
    emt = pytest.importorskip("ase.calculators.emt")
    atoms = build.bulk("Pd")
    atoms.calc = emt.EMT()
    return atoms


def quietly(function, argument):
    """Call without the deprecations of NumPy that ASE meets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return function(argument)


def test_a_mutated_argument_warns_with_its_path_and_never_gives_a_wrong_hit(atoms):
    @hashcache
    def h(atoms):
        return atoms.get_potential_energy()

    truth = atoms.copy()
    truth.calc = type(atoms.calc)()
    energy = truth.get_potential_energy()
    with pytest.warns(MutationWarning, match=r"h changed .*atoms\.calc\.results\['energy'\]"):
        assert quietly(h, atoms) == energy
    assert h.stats()["mutated"] == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error", MutationWarning)
        # The energy is on the calculator now, so nothing changes any more, and the result is kept.
        assert h(atoms) == energy
        assert h(atoms) == energy
    assert h.stats()["hits"] == 1

    for crystal in (atoms, truth):
        crystal.set_cell(crystal.cell * 1.05, scale_atoms=True)
    expected = quietly(type(truth).get_potential_energy, truth)
    with pytest.warns(MutationWarning, match="atoms"):
        assert quietly(h, atoms) == expected != energy


ATOMS = """
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)
from ase.build import bulk
from ase.calculators.emt import EMT
from hashcache import hashcache
@hashcache(mutation="replay")
def h(atoms):
    print("If you see this, go get a coffee.")
    return atoms.get_potential_energy()
for _ in range(2):
    atoms = bulk("Pd")
    atoms.calc = EMT()
    before = atoms.calc
    print(h(atoms), h(atoms), h(atoms), sorted(atoms.calc.results))
    print(atoms.calc is before, atoms.calc.atoms == atoms)
    print(atoms.get_forces().tolist(), atoms.calc.calculation_required(atoms, ["energy"]))
"""


def test_a_mutated_argument_is_computed_once_and_left_as_the_function_leaves_it(atoms, python):
    bare = python(ATOMS.replace('@hashcache(mutation="replay")\n', ""))
    first, again = python(ATOMS), python(ATOMS, seed=1)
    assert computed(bare) == 6
    # Once for the bare atoms and once for those that have their energy already.
    assert computed(first) == 2
    assert computed(again) == 0
    told = [line for line in bare.splitlines() if "coffee" not in line]
    assert [line for line in first.splitlines() if "coffee" not in line] == told
    assert again.splitlines() == told


def test_an_equal_argument_made_anew_is_a_hit(atoms):
    from ase.build import bulk
    from ase.calculators.emt import EMT

    @hashcache
    def energy(symbol, a, calculator):
        atoms = bulk(symbol, a=a)
        atoms.calc = calculator()
        return atoms.get_potential_energy()

    assert energy("Pd", 3.9, EMT) == energy("Pd", 3.9, EMT)
    assert energy.stats() == {"hits": 1, "misses": 1}

    @hashcache
    def volume(atoms):
        return atoms.get_volume()

    assert volume(bulk("Cu")) == volume(bulk("Cu"))
    assert volume.stats()["hits"] == 1
