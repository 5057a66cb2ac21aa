"""`make prove` against the local stack: a clean service keeps its guarantees, and each of these planted mistakes is found.

  python tests/local_game_day.py clean | planted | unseen
  python tests/local_game_day.py days NUMBER   that many game days, one after the other (`make game-days`)
  python tests/local_game_day.py refused       every planted mistake through the whole command

The scenario tests run the first three; AWS_ENDPOINT_URL and the credentials are in the environment. Exit status 1 if a clean
service is said to break a guarantee, or a mistake is not found.
"""

import contextlib
import dataclasses
import importlib.util
import io
import json
import os
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "infra" / "deploy"), str(ROOT / "infra")]

from awscli.clidriver import create_clidriver  # noqa: E402
from aws_models import without_owner  # noqa: E402  the folders hold programs, not packages
from cli import AwsError  # noqa: E402
import plan  # noqa: E402
from prove import TENANT, Pace  # noqa: E402
from policies_test import actions  # noqa: E402
from planted_mistakes import MISTAKES, variable  # noqa: E402
from settings import SettingsCheck  # noqa: E402

_spec = importlib.util.spec_from_file_location("deploy_program", ROOT / "infra" / "deploy" / "__main__.py")
program = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(program)

ACCOUNT, REGION = "000000000000", "us-east-1"
# A tenth of the documents of a real game day.
CASES = {"plain": 3, "uploads off": 2, "controller silent": 1, "withheld": 2, "duplicated": 2, "throttled": 2, "overwritten": 1, "broken": 1, "cancelled": 1}
THROUGH_PROVE = {"bucket", "mappings", "rules", "grants"}  # checks of which one mistake meets the whole command in `make test`
PACE = Pace(poll=0.3, hold=2.0, limit=180.0, quiet=3.0, max_wait=60.0, pushes=60.0, hasten=True)


class InProcess:
    """The AWS CLI in this process: a process for each of hundreds of calls would take minutes."""

    def __init__(self):
        self.driver, self.asked = create_clidriver(), []

    def __call__(self, *arguments):
        self.asked.append(arguments)
        command = [*arguments, "--region", REGION, "--endpoint-url", os.environ["AWS_ENDPOINT_URL"], *([] if arguments[0] == "s3" else ["--output", "json"])]
        said, wrong = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            try:
                status = self.driver.main(command)
            except SystemExit as end:
                status = end.code
        if status:
            raise AwsError(f"aws {' '.join(arguments[:2])}: {(wrong.getvalue() or said.getvalue()).strip()}")
        try:
            return json.loads(said.getvalue())
        except ValueError:
            return said.getvalue()


def environment():
    given = {"account": ACCOUNT, "region": REGION, "code_bucket": "docket-code", "service": {"ServiceName": "docket", "Architecture": "x86_64"}, "endpoints": {}, "probe": "legal-review"}
    return plan.EnvironmentFile("local", given)


def outputs(aws):
    rows = aws("cloudformation", "describe-stacks", "--stack-name", "docket")["Stacks"][0]["Outputs"]
    return {row["OutputKey"]: row["OutputValue"] for row in rows}


def make_rows_expire(aws):
    """MiniStack ignores the template's TimeToLiveSpecification."""
    for key, name in outputs(aws).items():
        if key.endswith("TableName"):
            aws("dynamodb", "update-time-to-live", "--table-name", name, "--time-to-live-specification", "Enabled=true,AttributeName=expires_at")


def prove(aws, folder, say=None, pace=PACE, **changes):
    """`make prove`, with fewer documents and in less time."""
    say = say or (lambda text: print(text, flush=True))
    program.Deployment(environment(), aws, say, ask=lambda question: None, folder=folder).prove(pace, {**CASES, **changes})


def clean(aws, folder):
    """A whole game day, which calls exactly what infra/policies/prover.json allows, and S3 for buckets of the account only."""
    began = time.monotonic()
    aws.asked.clear()
    prove(aws, folder)
    print(f"all guarantees kept, in {time.monotonic() - began:.0f} s")
    granted = {action for statement in json.loads((plan.INFRA / "policies" / "prover.json").read_text())["Statement"] for action in statement["Action"]}
    used = set().union(*map(actions, aws.asked))
    print(f"not allowed by prover.json: {sorted(used - granted)}; not used: {sorted(granted - used)}")
    others = list(without_owner(aws.asked, ACCOUNT))
    print("\n".join(f"of whose bucket? {command}" for command in others))
    return int(used != granted or bool(others))


def days(aws, folder, count):
    """Game days one after the other. The last line is for programs."""
    passed = 0
    for day in range(1, count + 1):
        began, said = time.monotonic(), []
        try:
            prove(aws, folder, said.append)
            outcome, passed = "all guarantees kept", passed + 1
        except (plan.Refusal, AwsError) as error:
            outcome = "\n  ".join(["FAILED: " + str(error), *(line.strip() for line in said if line.startswith(("  BROKEN", "  WRONG", "  remark")))])
        print(f"day {day} of {count}: {outcome}, in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(json.dumps({"days": count, "passed": passed}))
    return 0 if passed == count else 1


def found_by_prove(aws, folder, expected):
    """Why `make prove` does not refuse the service for a wrong setting, or nothing."""
    said, aws.asked[:] = [], []
    try:
        prove(aws, folder, said.append)
        return "the game day passed"
    except plan.Refusal as refusal:
        if "settings are not those of the templates" not in str(refusal) or not any(re.search(f"WRONG SETTING: .*{expected}", line) for line in said):
            return f"{refusal}: {said}"
    uploads = [arguments for arguments in aws.asked if f"/{TENANT}/" in str(arguments)]
    return f"it uploaded {uploads}" if uploads else None


def found_by_check(aws, check, expected):
    """The same for the check alone, which is faster."""
    said = SettingsCheck(environment(), aws, outputs(aws)).wrong(check)
    return None if any(re.search(expected, text) for text in said) else f"it said {said}"


def planted(aws, folder, whole=False):
    """Each planted mistake is found by its check, and the service is as before afterwards. The first ones of some checks, or with
    `whole` all, go through the whole command."""
    missed, found, checks = [], outputs(aws), set(THROUGH_PROVE)
    for check, expected, plant in MISTAKES:
        through_prove = whole or check in checks
        checks.discard(check)
        back = plant(aws, found)
        try:
            why = found_by_prove(aws, folder, expected) if through_prove else found_by_check(aws, check, expected)
        finally:
            aws(*back)
        if why:
            missed.append(f"{check}: {expected!r} was not found: {why}")
        if whole:
            print(f"{check}: {expected}: {'NOT FOUND' if why else 'found'}", file=sys.stderr, flush=True)
    if left := SettingsCheck(environment(), aws, found).wrong():
        missed.append(f"afterwards: {left}")
    print("\n".join(missed), file=sys.stderr)
    print(json.dumps({"planted": len(MISTAKES), "found": len(MISTAKES) - len(missed)}))
    return 1 if missed else 0


def refused(aws, folder):
    """`make prove` refuses the service for every planted mistake."""
    return planted(aws, folder, whole=True)


def unseen(aws, folder):
    """A game day finds what no setting shows: a function that cannot reach the pages."""
    back = variable("WEBSOCKET_MANAGEMENT_URL", "http://127.0.0.1:9", "inference-success")(aws, outputs(aws))
    said = []
    try:
        # Pushes that cannot come are not waited for.
        prove(aws, folder, said.append, pace=dataclasses.replace(PACE, pushes=0.0), throttled=0)
        said.append("the game day found nothing")
    except plan.Refusal as refusal:
        said.append(str(refusal))
    finally:
        aws(*back)
    print("\n".join(said))
    broken = [int(line.split()[1]) for line in said if line.startswith("  BROKEN")]
    return 0 if broken == [7] else 1


def main(arguments):
    """The command line."""
    with tempfile.TemporaryDirectory() as folder:
        aws, folder = InProcess(), pathlib.Path(folder)
        make_rows_expire(aws)
        if arguments[0] == "days":
            return days(aws, folder, int(arguments[1]))
        return {"clean": clean, "planted": planted, "refused": refused, "unseen": unseen}[arguments[0]](aws, folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
