"""`make prove` against the local stack: a clean service keeps its guarantees, and each of these planted mistakes is found.

  python tests/local_game_day.py clean | planted | unseen

The scenario tests run it; AWS_ENDPOINT_URL and the credentials are in the environment. Exit status 1 if a clean service
is said to break a guarantee, or a mistake is not found.
"""

import contextlib
import io
import json
import os
import pathlib
import re
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "infra" / "deploy"), str(ROOT / "infra")]

from awscli.clidriver import create_clidriver  # noqa: E402
from cli import AwsError  # noqa: E402  the folders hold programs, not packages
from page import Page  # noqa: E402
import plan  # noqa: E402
from prove import Pace, Prove  # noqa: E402
from policies_test import actions  # noqa: E402
from planted_mistakes import MISTAKES, variable  # noqa: E402
from settings import Settings  # noqa: E402

ACCOUNT, REGION = "000000000000", "us-east-1"
# A tenth of the documents of a real game day.
CASES = {"plain": 3, "uploads off": 2, "controller silent": 1, "withheld": 2, "doubled": 2, "throttled": 2, "overwritten": 1, "broken": 1, "cancelled": 1}
PACE = Pace(poll=0.3, hold=2.0, limit=180.0, quiet=3.0, max_wait=60.0, hasten=True)


class InProcess:
    """The AWS CLI in this process: a process for each of hundreds of calls would take minutes."""

    def __init__(self):
        self.driver, self.asked = create_clidriver(), set()

    def __call__(self, *arguments):
        self.asked.add(arguments)
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
    return plan.Environment("local", given)


def outputs(aws):
    rows = aws("cloudformation", "describe-stacks", "--stack-name", "docket")["Stacks"][0]["Outputs"]
    return {row["OutputKey"]: row["OutputValue"] for row in rows}


def make_rows_expire(aws):
    """MiniStack ignores the template's TimeToLiveSpecification."""
    for key, name in outputs(aws).items():
        if key.endswith("TableName"):
            aws("dynamodb", "update-time-to-live", "--table-name", name, "--time-to-live-specification", "Enabled=true,AttributeName=expires_at")


def game(aws, folder, **changes):
    return Prove(environment(), aws, lambda text: print(text, flush=True), ask=lambda question: None, page=Page, folder=folder, pace=PACE, cases={**CASES, **changes})


def clean(aws, folder):
    """A whole game day, which calls exactly what infra/policies/prover.json allows."""
    began = time.monotonic()
    aws.asked.clear()
    game(aws, folder).run()
    print(f"all guarantees kept, in {time.monotonic() - began:.0f} s")
    granted = {action for statement in json.loads((plan.INFRA / "policies" / "prover.json").read_text())["Statement"] for action in statement["Action"]}
    used = set().union(*map(actions, aws.asked))
    print(f"not allowed by prover.json: {sorted(used - granted)}; not used: {sorted(granted - used)}")
    return int(used != granted)


def planted(aws, _):
    """Each planted mistake is found by its check, and the service is as before afterwards."""
    missed, found = [], outputs(aws)
    settings = Settings(environment(), aws, found)
    for check, expected, plant in MISTAKES:
        back = plant(aws, found)
        try:
            said = settings.wrong(check)
        finally:
            aws(*back)
        if not any(re.search(expected, text) for text in said):
            missed.append(f"{check}: {expected!r} is not in {said}")
    if left := settings.wrong():
        missed.append(f"afterwards: {left}")
    print("\n".join(missed) or f"{len(MISTAKES)} of {len(MISTAKES)} mistakes found")
    return 1 if missed else 0


def unseen(aws, folder):
    """A game day finds what no setting shows: a function that cannot reach the pages."""
    back = variable("WEBSOCKET_MANAGEMENT_URL", "http://127.0.0.1:9", "inference-success")(aws, outputs(aws))
    said = []
    try:
        one = game(aws, folder, throttled=0)
        one.say = said.append
        one.run()
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
        aws = InProcess()
        make_rows_expire(aws)
        return {"clean": clean, "planted": planted, "unseen": unseen}[arguments[0]](aws, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
