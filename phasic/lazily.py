"""Names of the package that load something heavy, and are found when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

_PRIORS = "phasic.inference.priors"
_SCHEDULES = "phasic.inference.schedules"
_OPTIMISERS = "phasic.inference.named_optimisers"
_MATCHING = "phasic.inference.matching"
_STEPPING = "phasic.stepping_context:DistributionContext"
_SPARSE = "phasic.inference.sparse"
_PHASE_TYPE_FIT = "phasic.inference.phase_type_fit"

INFERENCE = {
    "SVGD": "phasic.inference.svgd",
    "MCMC": "phasic.inference.mcmc",
    "Prior": _PRIORS,
    "GaussPrior": _PRIORS,
    "LogGaussPrior": _PRIORS,
    "GammaPrior": _PRIORS,
    "HalfCauchyPrior": _PRIORS,
    "BetaPrior": _PRIORS,
    "DataPrior": "phasic.inference.data_prior",
    "RegularizationSchedule": _SCHEDULES + ":Schedule",
    "StepSizeSchedule": _SCHEDULES + ":Schedule",
    "AdaptiveStepSize": _SCHEDULES,
    "ConstantStepSize": _SCHEDULES,
    "ExpStepSize": _SCHEDULES,
    "WarmupExpStepSize": _SCHEDULES,
    "ConstantRegularization": _SCHEDULES,
    "ExpRegularization": _SCHEDULES,
    "ExponentialCDFRegularization": _SCHEDULES,
    "Adam": _OPTIMISERS,
    "Adamelia": _OPTIMISERS,
    "SGDMomentum": _OPTIMISERS,
    "RMSprop": _OPTIMISERS,
    "Adagrad": _OPTIMISERS,
    "optax_adam": _OPTIMISERS,
    "optax_adamw": _OPTIMISERS,
    "optax_adagrad": _OPTIMISERS,
    "optax_chain": _OPTIMISERS,
    "optax_lion": _OPTIMISERS,
    "optax_rmsprop": _OPTIMISERS,
    "optax_sgd": _OPTIMISERS,
    "SparseObservations": _SPARSE,
    "dense_to_sparse": _SPARSE,
    "is_sparse_observations": _SPARSE,
}
"""Where what `Graph.svgd` takes is."""

PACKAGE = {
    **INFERENCE,
    "GraphCache": "phasic.graph_cache",
    "PhaseTypeFit": "phasic.inference.fitted_phase_type",
    "choose_phase_type": _PHASE_TYPE_FIT,
    "fit_phase_type": _PHASE_TYPE_FIT,
    "AnyProbabilityDistributionContext": _STEPPING,
    "DPHProbabilityDistributionContext": _STEPPING,
    "ProbabilityDistributionContext": _STEPPING,
    "MatrixRepresentation": "phasic.matrices:Matrices",
    "EpochContext": "phasic.joint_context:JointContext",
    "MoMResult": "phasic.inference.matching:Matched",
    "ProbMatchResult": "phasic.inference.probability_matching:MatchedProbabilities",
    "PTDAlgorithmsError": "phasic.exceptions",
    "PTDBackendError": "phasic.exceptions",
    "PTDConfigError": "phasic.exceptions",
    "PTDFeatureError": "phasic.exceptions",
    "PTDFormatError": "phasic.exceptions",
    "PTDJAXError": "phasic.exceptions",
    "PhasicConfig": "phasic.settings:Settings",
    "ParameterizedEdge": "phasic.vertex:Edge",
    "SCCGraph": "phasic.components:Components",
    "SCCVertex": "phasic.components:Component",
    "cache": "",
    "config": "",
    "distributed_scc": "",
    "exceptions": "",
    "graph_cache": "",
    "state_indexing": "",
    "svgd": "",
    "trace_elimination": "",
    "utils": "",
}
"""Where a name of the package is, after a colon under which name; a module of its own where that is empty."""


def find(package: str, name: str, places: Mapping[str, str]) -> Any:
    """Return the object of this name, or say that there is none."""
    if name in places:
        place, _, other = places[name].partition(":")
        return getattr(import_module(place), other or name) if place else import_module(f"phasic.{name}")
    from phasic.elsewhere import MODULE, refused

    return refused(package, name, MODULE)
