"""What a compiled program depends on besides its function and the shapes of its arguments."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys
from typing import Any

# Settings of JAX that only say where things are kept, logged or dumped, or that are read below as what
# they lead to. Any other, also one that a later version adds, is part of the key.
_HARMLESS = frozenset(
    """
    jax_array_garbage_collection_guard jax_captured_constants_report_frames
    jax_captured_constants_warn_bytes jax_check_proxy_envs jax_compilation_cache_check_contents
    jax_compilation_cache_dir jax_compilation_cache_expect_pgle
    jax_compilation_cache_include_metadata_in_key jax_compilation_cache_max_size
    jax_compiler_detailed_logging_min_ops jax_cpu_enable_async_dispatch
    jax_debug_leaked_clients_on_clear_backends jax_debug_log_modules jax_distributed_debug
    jax_dump_ir_modes jax_dump_ir_to jax_enable_compilation_cache jax_enable_preemption_service
    jax_explain_cache_misses jax_hlo_source_file_canonicalization_regex jax_include_debug_info_in_dumps
    jax_include_full_tracebacks_in_locations jax_log_checkpoint_residuals jax_log_compiles
    jax_logging_level jax_persistent_cache_enable_xla_caches jax_persistent_cache_min_compile_time_secs
    jax_persistent_cache_min_entry_size_bytes jax_platform_name jax_platforms jax_pprint_use_color
    jax_raise_persistent_cache_errors jax_remove_custom_partitioning_ptr_from_cache_key
    jax_send_traceback_to_runtime jax_share_binary_between_hosts jax_share_binary_between_hosts_timeout_ms
    jax_source_url_schema jax_traceback_filtering jax_traceback_in_locations_limit
    jax_tracer_error_num_traceback_frames jax_transfer_guard jax_transfer_guard_device_to_device
    jax_transfer_guard_device_to_host jax_transfer_guard_host_to_device jax_xla_backend
    """.split()  # noqa: SIM905
)
_VARIABLES = (
    "XLA_FLAGS",
    "LIBTPU_INIT_ARGS",
    "TF_XLA_FLAGS",
    "NVIDIA_TF32_OVERRIDE",
    "TF_CUDNN_DETERMINISTIC",
)


def environment() -> dict[str, Any]:
    """Return the salt of programs: settings of JAX as they are for this thread, versions, and the machine."""
    return {**settings(), **machine(), "contexts": contexts()}


def settings() -> dict[str, str]:
    """Return every setting of JAX that may change a program, those of context managers included."""
    import jax

    config = jax.config
    found = {
        name: str(getattr(config, name, None)) for name in sorted(config.values) if name not in _HARMLESS
    }
    # Meshes and the default device of a `with` are no entries of the configuration.
    for name in ("get_abstract_mesh", "get_mesh"):
        asked = getattr(jax.sharding, name, None)
        if asked is not None:
            try:
                found[name] = str(asked())
            except ValueError:  # said of the one, while there is the other
                found[name] = "none"
    return found


def contexts() -> tuple[Any, ...]:
    """Return the values of contexts that the user made by `jax.make_user_context`, in the order of making."""
    try:  # of no public name
        from jax._src import config

        values = list(config.trace_context())
    except (ImportError, AttributeError):
        return ()
    while values and values[-1] is None:  # contexts that nobody is in; one of them is our own
        values.pop()
    # They come after the settings, which end with the axes that are being mapped over.
    ends = [place for place, value in enumerate(values) if type(value).__name__ == "AxisEnv"]
    return tuple(values[ends[-1] + 1 :]) if ends else ()


def machine() -> dict[str, str]:
    """Return versions, devices and flags; programs of one machine may end a process on another."""
    import jax
    import jaxlib

    devices = jax.devices()
    backend = devices[0].client
    found = {
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
        "platform": f"{backend.platform} {backend.platform_version}",
        "devices": ", ".join(f"{device.id} {device.device_kind}" for device in devices),
        "processes": f"{jax.process_index()} of {jax.process_count()}",
    }
    flags = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {**found, **cpu(), **flags}


@functools.cache
def cpu() -> dict[str, str]:
    """Return what the processor is and can do: instructions that it lacks would end the process."""
    kind = f"{platform.machine()} {sys.byteorder}"
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            text = file.read(1 << 16)
    except OSError:
        return {"cpu": f"{kind} {platform.processor()}"}
    lines = text.partition("\n\n")[0].splitlines()
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    model = fields.get("model name") or fields.get("CPU part") or ""
    features = fields.get("flags") or fields.get("Features") or ""
    names = " ".join(sorted(features.split()))
    # A text of all names would be cut short wherever it is shown.
    about = f"{len(names.split())} of them, {hashlib.blake2b(names.encode(), digest_size=16).hexdigest()}"
    return {"cpu": f"{kind} {model}", "cpu features": about}
