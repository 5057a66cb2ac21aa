"""Writes the parts of infra/ that follow from infra/pipelines.toml and infra/sign-in.toml.

  python infra/generate.py            writes them
  python infra/generate.py --check    exits with 1 if they are out of date, and names the files
  python infra/generate.py --sign-in FILE    prints service.yaml with the providers and machine clients of another file

In service.yaml: the lines from `# generated: …` to `# end of generated` (settings, notifications, lifecycle, sign-in), and
the lists that end with `# generated: inputs`, `audience` or `providers`. In endpoints/<pipeline>.json: the parameters in `derived`. Every pipeline
needs such a file; the other parameters in it are written by hand. Standard library only.
"""

import json
import pathlib
import re
import sys

INFRA = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(INFRA))

import hosting  # noqa: E402  found by the line above
import scaling  # noqa: E402
import sign_in  # noqa: E402

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pip brings its own reader there
    from pip._vendor import tomli as tomllib

NONCURRENT_DAYS = 7  # how long an expired or overwritten version stays, to undo a mistake


def read_pipelines(infra=INFRA):
    """The tables of pipelines.toml, by pipeline."""
    settings = tomllib.loads((infra / "pipelines.toml").read_text())
    return {name: table for name, table in settings.items() if isinstance(table, dict) and name != "tenant_limits"}


def open_jobs_of_a_tenant(infra=INFRA):
    """The highest number of open jobs that pipelines.toml allows a tenant, or None without a limit."""
    limits = tomllib.loads((infra / "pipelines.toml").read_text()).get("tenant_limits", {})
    return max((table["open_jobs"] for table in (limits, *limits.get("tenants", {}).values()) if "open_jobs" in table), default=None)


def notifications(pipelines):
    """One notification per prefix: S3 takes no list of prefixes."""
    for table in pipelines.values():
        key = f"S3Key: {{Rules: [{{Name: prefix, Value: {table['prefix']}}}]}}"
        yield f"- {{Event: s3:ObjectCreated:*, Queue: !GetAtt UploadsQueue.Arn, Filter: {{{key}}}}}"


def lifecycle(pipelines):
    """Three expiration rules per pipeline: inputs, outputs, failures."""
    for name, table in pipelines.items():
        days = table["retention_days"]
        for what, prefix, kept in (
            ("input", table["prefix"], days["input"]),
            ("output", f"outbound/{name}/", days["output"]),
            ("failure", f"failure/{name}/", days["output"]),
        ):
            noncurrent = f"NoncurrentVersionExpiration: {{NoncurrentDays: {NONCURRENT_DAYS}}}"
            yield f"- {{Id: {name}-{what}, Status: Enabled, Prefix: {prefix}, ExpirationInDays: {kept}, {noncurrent}}}"


def settings(signed, infra=INFRA):
    """The mappings for the values at the head of pipelines.toml, and for who signs in."""
    values = tomllib.loads((infra / "pipelines.toml").read_text())
    minutes = values["reconcile_interval_minutes"]
    rate = f"rate({minutes} minute{'s' if minutes > 1 else ''})"
    yield f"Reconciler: {{ScheduleExpression: {rate}, IntervalSeconds: '{minutes * 60}'}}"
    yield f"MultipartUploads: {{ExpiryDays: '{values['upload_expiry_days']}'}}"
    yield from sign_in.settings(signed)


def inputs(pipelines):
    """The ARNs of all objects that users upload, as one YAML list."""
    return "[" + ", ".join(f"!Sub 'arn:${{AWS::Partition}}:s3:::${{BucketName}}/{table['prefix']}*'" for table in pipelines.values()) + "]"


def read_sign_in(text, path):
    """The checked contents of sign-in.toml. `text` is service.yaml, which knows the roles."""
    try:
        return sign_in.read(path, sign_in.groups_of_template(text))
    except sign_in.Invalid as problem:
        raise SystemExit(f"generate: {problem}") from problem


def template(text, pipelines, infra=INFRA, sign_in_file=None):
    """service.yaml with its generated parts rewritten."""
    signed = read_sign_in(text, sign_in_file or infra / "sign-in.toml")
    blocks = (("settings", settings(signed, infra)), ("notifications", notifications(pipelines)), ("lifecycle", lifecycle(pipelines)), ("sign-in", sign_in.resources(signed)))
    for kind, lines in blocks:
        block = re.compile(rf"^( *)# generated: {kind}\n(?:\1.*\n)*?\1# end of generated\n", re.MULTILINE)
        found = block.search(text)
        if not found:
            raise SystemExit(f"generate: service.yaml has no block for {kind}")
        indent = found[1]
        written = "".join(f"{indent}{line}\n" for line in (f"# generated: {kind}", *lines, "# end of generated"))
        text = text[: found.start()] + written + text[found.end() :]
    for kind, value in (("inputs", inputs(pipelines)), ("audience", sign_in.audience(signed)), ("providers", sign_in.provider_list(signed))):
        text = re.sub(rf"\[.*\] # generated: {kind}$", lambda _, kind=kind, value=value: f"{value} # generated: {kind}", text, flags=re.MULTILINE)
    return text


def derived(name, table):
    """The parameters of an endpoint that follow from its pipeline."""
    return {
        "EndpointName": table["endpoint"],
        "Pipeline": name,
        "InputPrefix": table["prefix"],
        "SloSeconds": str(table["slo_seconds"]),
        # Half of the time that a request may wait leaves the other half to act.
        "OldestRequestAlarmSeconds": str(min(table["queue_ttl_seconds"], table["slo_seconds"]) // 2),
        "TerminationWaitSeconds": str(table["invocation_timeout_seconds"]),
        "Scaling": table.get("scaling", "aws"),
    }


def parameter_file(text, name, table):
    """endpoints/<pipeline>.json with its derived parameters rewritten, before those written by hand."""
    wanted = derived(name, table)
    rows = {row["ParameterKey"]: row["ParameterValue"] for row in json.loads(text)}
    rows = {**wanted, **{key: value for key, value in rows.items() if key not in wanted}}
    lines = (f"  {json.dumps({'ParameterKey': key, 'ParameterValue': value})}" for key, value in rows.items())
    return "[\n" + ",\n".join(lines) + "\n]\n"


def generated(infra=INFRA):
    """The text that each file should have, by path."""
    pipelines = read_pipelines(infra)
    files = {infra / "service.yaml": template((infra / "service.yaml").read_text(), pipelines, infra)}
    for name, table in pipelines.items():
        path = infra / "endpoints" / f"{name}.json"
        if not path.exists():
            raise SystemExit(f"generate: {path} is missing; copy another pipeline's and edit it")
        files[path] = parameter_file(path.read_text(), name, table)
        rows = {row["ParameterKey"]: row["ParameterValue"] for row in json.loads(files[path])}
        for problem in (*scaling.problems(table, rows), *hosting.problems(rows)):
            raise SystemExit(f"generate: {name}: {problem}")
    return files


def main(arguments):
    """The command line."""
    if len(arguments) == 2 and arguments[0] == "--sign-in":
        print(template((INFRA / "service.yaml").read_text(), read_pipelines(), sign_in_file=pathlib.Path(arguments[1])), end="")
        return 0
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    outdated = {path: text for path, text in generated().items() if path.read_text() != text}
    if arguments:
        for path in outdated:
            print(f"generate: {path} is out of date; run `python infra/generate.py`", file=sys.stderr)
        return 1 if outdated else 0
    for path, text in outdated.items():
        path.write_text(text)
        print(f"generate: wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
