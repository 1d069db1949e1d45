"""What the registry that comes with the package holds, and how it is made: no file in it is made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from phasic import models
from phasic.graph import Graph
from phasic.hub.directory import Directory
from phasic.hub.publishing import Prepared, prepare, publish_to
from phasic.initial import Callback

_GENETICS = "population-genetics"


def prepared() -> Iterator[Prepared]:
    """Yield every entry of the registry with its artefact, in order."""
    for n in (5, 10, 20):
        made = _prepared(
            models.lineages(n),
            f"coal_n{n}_theta1",
            f"Kingman coalescent for n={n} haploid samples (1 parameter)",
            _GENETICS,
            "coalescent",
            ["coalescent", "kingman", "population-genetics"],
        )
        yield Prepared(replace(made.entry, format_revision=2), made.data)  # as the tutorial prints
    for n in (10, 20):
        about = f"Kingman coalescent of {n} samples by block counts: models.coalescent({n})"
        tags = ["coalescent", "kingman", "blocks"]
        yield _prepared(models.coalescent(n), f"blocks_n{n}", about, _GENETICS, "block-counts", tags)
    for n in (10, 20):
        about = f"Lineages on two islands with migration: models.structured_coalescent({n}, {n})"
        tags = ["coalescent", "migration"]
        callback = models.structured_coalescent(n, n)
        yield _prepared(callback, f"islands_n{n}_n{n}", about, _GENETICS, "structured-coalescent", tags)
    for n in (4, 5):
        about = f"Block counts on two islands with migration: models.island_coalescent({n}, {n})"
        tags = ["coalescent", "migration", "blocks"]
        callback = models.island_coalescent(n, n)
        yield _prepared(callback, f"island_blocks_n{n}_n{n}", about, _GENETICS, "structured-coalescent", tags)
    about = "Isolation with migration by block counts: models.isolation_with_migration(5, 5)"
    tags = ["coalescent", "migration", "blocks", "isolation"]
    callback = models.isolation_with_migration(5, 5)
    yield _prepared(callback, "isolation_n5_n5", about, _GENETICS, "isolation-with-migration", tags)
    for n in (5, 8):
        about = f"Two loci with recombination: models.two_locus_coalescent({n})"
        tags = ["coalescent", "recombination", "blocks"]
        callback = models.two_locus_coalescent(n)
        yield _prepared(callback, f"two_loci_n{n}", about, _GENETICS, "recombination", tags)
    for n in (10, 30):
        about = f"Rabbits on two islands that are flooded: models.rabbits({n})"
        yield _prepared(models.rabbits(n), f"rabbits_n{n}", about, "examples", "rabbits", ["islands"])


def write(root: Path) -> None:
    """Write the registry into a directory."""
    for entry in prepared():
        publish_to(Directory(root), entry)


def _prepared(
    callback: Callback, compute_id: str, about: str, domain: str, model_type: str, tags: list[str]
) -> Prepared:
    graph = Graph(callback)
    return prepare(
        graph.arrays,
        compute_id,
        description=about,
        author="phasic",
        license="MIT",
        domain=domain,
        model_type=model_type,
        tags=tags,
        param_length=graph.param_length(),
    )
