"""A run of Torax, a tokamak simulator, whose large functions the next process finds compiled.

It needs Torax, which wants an environment of its own: ``make torax`` makes it and runs this. The basic
configuration that comes with Torax is simulated in fresh processes, in turn: plain, with JAX's own cache on
the disk, and with `with_hashcache`, the lines that a user adds.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from report import fresh_process

WAYS = ("plain", "JAX's cache", "hashcache")
TIMES = ("to the result", "whole process", "processor, result", "processor, whole")


def with_hashcache() -> list:
    """What a user adds: two functions of Torax are wrapped, and the small rest goes to JAX's own cache."""
    from torax._src.orchestration import initial_state, step_function

    import hashcache

    programs = []
    for place, name in (
        (initial_state, "get_initial_state_and_post_processed_outputs"),
        (step_function.SimulationStepFn, "__call__"),
    ):
        # Of programs that are found, one in fifty is lowered again and compared: not while clocks run.
        programs.append(hashcache.jit(getattr(place, name), verify="never"))
        setattr(place, name, programs[-1])
    hashcache.configure(jax_cache=True)
    return programs


def with_jax_cache(folder: str) -> None:
    import jax

    jax.config.update("jax_compilation_cache_dir", folder)


def compute(way: str, place: str, begun: str) -> dict[str, object]:
    """Simulate, and return the seconds, a digest of the answer, and which programs were found."""
    import jax
    import torax
    from torax.examples import basic_config

    # Both ways keep everything, however short it took to compile.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    programs = []
    started, worked = time.perf_counter(), time.process_time()
    if way == "JAX's cache":
        with_jax_cache(os.path.join(place, "jax"))
    elif way == "hashcache":
        programs = with_hashcache()
    config = torax.ToraxConfig.from_dict(basic_config.CONFIG)
    tree, _ = torax.run_simulation(config, progress_bar=False)
    ended, busy = time.perf_counter(), time.process_time()
    found = sum(program.stats()["hits"] for program in programs)
    answer = tree["profiles"]["T_e"].values
    print(f"    {way:12s} {ended - started:6.2f} s  electrons at {float(answer[-1, 0]):.9f} keV", end="")
    print(f"  {found} of {len(programs)} programs found" if programs else "")
    return {
        "to the result": ended - started,
        "whole process": time.time() - float(begun),
        "processor, result": busy - worked,
        "processor, whole": busy,
        "answer": digest(tree),
        "complete": found == len(programs),
    }


def digest(tree) -> str:
    """Return a digest of every number of a run, to the last bit."""
    seen = hashlib.sha256()
    for node in tree.subtree:
        for name, variable in sorted(node.to_dataset(inherit=False).variables.items()):
            seen.update(f"{node.path} {name} {variable.dtype} {variable.shape}".encode())
            seen.update(variable.values.tobytes())
    return seen.hexdigest()


def run(way: str, place: str) -> dict[str, object]:
    return fresh_process(__file__, way, place, repr(time.time()))


def main() -> None:
    if len(sys.argv) > 2:
        print(json.dumps(compute(*sys.argv[1:])))
        return
    if importlib.util.find_spec("torax") is None:
        sys.exit("Torax is not installed here; `make torax` runs this in an environment that has it")
    rounds = int(sys.argv[1]) if sys.argv[1:] else 1
    with tempfile.TemporaryDirectory() as place:
        os.environ["HASHCACHE_DIR"] = str(Path(place, "hashcache"))
        print("Filling the caches")
        answers = {run("JAX's cache", place)["answer"]}
        for _ in range(3):
            first = run("hashcache", place)
            answers.add(first["answer"])
            if first["complete"]:
                break
        print("In turn")
        timed = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                timed[way].append(run(way, place))
    answers |= {one["answer"] for ways in timed.values() for one in ways}
    print(f"\nSeconds, medians of {rounds}\n    {'':18s}" + "".join(f"{way:>14s}" for way in WAYS))
    for what in TIMES:
        medians = (statistics.median(one[what] for one in timed[way]) for way in WAYS)
        print(f"    {what:18s}" + "".join(f"{seconds:12.2f} s" for seconds in medians))
    for other in WAYS[:2]:
        for what in TIMES:
            ratios = [a[what] / b[what] for a, b in zip(timed[other], timed[WAYS[2]], strict=True)]
            print(f"    {other + ' / hashcache':26s} {what:18s} {statistics.median(ratios):6.2f}x", end="")
            print(f"  ({min(ratios):.2f} to {max(ratios):.2f})")
    print("    the same answer, to the last bit" if len(answers) == 1 else "    ANSWERS DIFFER")


if __name__ == "__main__":
    main()
