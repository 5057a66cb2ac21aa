"""Starts a local stack and runs game days on it. `make game-days DAYS=20` runs it; `make game-days PLANTED=1` plants mistakes.

  python tests/game_days.py days NUMBER | refused    parts of tests/local_game_day.py

The exit status is that of the part; 2 if no stack starts.
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benches"))

from job_cost import stack  # noqa: E402  found by the line above


def main(arguments):
    """The command line."""
    try:
        with stack() as running:
            given = {"AWS_ENDPOINT_URL": running["url"], "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null"}
            kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            return subprocess.run([sys.executable, ROOT / "tests" / "local_game_day.py", *arguments], env={**kept, **given}).returncode
    except RuntimeError as error:
        print(f"game-days: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
