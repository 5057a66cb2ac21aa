"""Whether the numbers of instances of an endpoint fit its pipeline's objective (pipelines.toml, docs/capacity.md).

generate.py and `make deploy` refuse what `problems` finds; `make deploy` says what `limits` returns. Standard library only.
"""


TYPICAL_COLD_START_SECONDS = 640  # crates/jobs/src/pipeline.rs


def objective(table):
    """The seconds to drain and the idle seconds of a pipeline, as crates/jobs/src/pipeline.rs derives them."""
    given, slo = table.get("capacity", {}), table["slo_seconds"]
    drain = given.get("drain_within_seconds", max(slo // 6, table["typical_run_seconds"]))
    return drain, given.get("idle_seconds", min(max(slo // 60, 60), 300))


def problems(table, parameters):
    """What does not fit, each with the name of its field."""
    least, warm, most = (int(parameters[key]) for key in ("MinInstances", "WarmInstances", "MaxInstances"))
    if most < 1:
        yield f"MaxInstances must be at least 1, and is {most}"
    if least > most:
        yield f"MaxInstances must be at least MinInstances {least}, and is {most}"
    if warm and not least <= warm <= most:
        yield f"WarmInstances must be 0 or from MinInstances {least} to MaxInstances {most}, and is {warm}"
    scaling = table.get("scaling", "aws")
    if scaling not in ("aws", "docket"):
        yield f"scaling must be aws or docket, and is {scaling}"
    if parameters["Scaling"] != scaling:
        yield f"Scaling must be {scaling}, as scaling in pipelines.toml, and is {parameters['Scaling']}"
    drain, idle = objective(table)
    if drain < 1:
        yield f"capacity.drain_within_seconds must be at least 1, and is {drain}"
    if scaling == "docket" and int(parameters["IdleMinutes"]) * 60 <= idle:
        yield f"IdleMinutes must be longer than capacity.idle_seconds {idle}, or AWS's policy stops the instances first"


def cold_start(table):
    """How long an instance of a pipeline usually takes to start, in seconds."""
    return table.get("capacity", {}).get("typical_cold_start_seconds", TYPICAL_COLD_START_SECONDS)


def unreachable(table, parameters):
    """Why no number of instances meets the pipeline's SLO, if so."""
    slo, run = table["slo_seconds"], table["typical_run_seconds"]
    cold = cold_start(table)
    if slo < run:
        yield f"slo_seconds {slo} is less than one run takes (typical_run_seconds {run})"
    elif within_slo(table, parameters) == 0:
        yield f"slo_seconds {slo} is less than a cold start of {cold} s and a run of {run} s take; MinInstances or WarmInstances of 1, or a longer slo_seconds"


def within_slo(table, parameters):
    """How many documents that come at once all instances end within the SLO: those that are kept begin at once, the others after
    a cold start."""
    slo, run, at_once = table["slo_seconds"], table["typical_run_seconds"], int(parameters["MaxConcurrentInvocationsPerInstance"])
    kept, most = max(int(parameters["MinInstances"]), int(parameters["WarmInstances"])), int(parameters["MaxInstances"])
    return at_once * (kept * (slo // run) + (most - kept) * (max(slo - cold_start(table), 0) // run))


def capacity(table, parameters, open_jobs=None):
    """What the maximum number of instances means for the SLO, as sentences. `open_jobs` is what one tenant may have, if limited."""
    documents, most = within_slo(table, parameters), parameters["MaxInstances"]
    yield f"MaxInstances {most} ends at most {documents} documents that come at once within slo_seconds {table['slo_seconds']}; more need a higher MaxInstances"
    if open_jobs and open_jobs > documents:
        yield f"tenant_limits lets one tenant have {open_jobs} open jobs, more than MaxInstances {most} ends within slo_seconds"


def limits(table, parameters):
    """How much the maximum number of instances can do within the objective, as a sentence."""
    drain, _ = objective(table)
    run, most, at_once = table["typical_run_seconds"], int(parameters["MaxInstances"]), int(parameters["MaxConcurrentInvocationsPerInstance"])
    jobs = drain // run * at_once * most
    if jobs == 0:
        return f"no number of instances ends a job of {run} s (typical_run_seconds) within {drain} s (capacity.drain_within_seconds)"
    return f"MaxInstances {most} ends at most {jobs} jobs of {run} s within {drain} s (capacity.drain_within_seconds); more open jobs take longer"
