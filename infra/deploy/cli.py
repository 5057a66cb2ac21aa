"""The AWS CLI, and retries while AWS cannot be reached or the credentials have expired."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from plan import ROOT, Refusal

OUTAGE_MINUTES = 15  # how long calls are repeated that AWS did not answer
CREDENTIAL_MINUTES = 60  # how long to wait for new credentials
RETRY_SECONDS = 10.0
# Words of errors after which the same call may succeed. All calls are safe to repeat: they read, they set a state, or
# they carry a token by which CloudFormation recognizes a repetition.
NOT_ANSWERED = (
    "Could not connect to the endpoint URL", "Connection was closed", "Connect timeout", "Read timeout", "Connection reset", "Connection aborted",
    "timed out", "failure in name resolution", "Name or service not known", "Failed to establish a new connection", "SSL validation failed",
    "Throttling", "Rate exceeded", "TooManyRequests", "RequestLimitExceeded", "ServiceUnavailable", "Service Unavailable", "InternalFailure",
    "InternalError", "InternalServerError", "SlowDown", "(500)", "(502)", "(503)", "(504)",
)  # fmt: skip
EXPIRED = (
    "ExpiredToken", "RequestExpired", "security token included in the request is expired", "Token has expired", "Error loading SSO Token",
    "Error when retrieving token from sso", "SSO session associated with this profile has expired", "Your session has expired",
)  # fmt: skip


WHO_AM_I = ("sts", "get-caller-identity")


def regional(command, region):
    """A command for the operator to type, with the region in which it must act: that of the operator's profile may differ."""
    if not re.match(r"aws (?!iam |sso |sts )", command):
        return command
    typed, mark, remark = command.partition("   #")
    return f"{typed} --region {region}{mark}{remark}"


class AwsError(Exception):
    """A command of the AWS CLI failed; the text is its standard error."""


class AwsCli:
    """The AWS CLI: the one on PATH, or else the one beside this Python, which `make venv` or a release installs."""

    def __init__(self, region):
        self.program = shutil.which("aws") or str(pathlib.Path(sys.executable).with_name("aws"))
        if not pathlib.Path(self.program).exists():
            raise Refusal("no AWS CLI found; `make venv` installs one")
        self.region = region

    def __call__(self, *arguments):
        """Runs a command and returns its output, parsed if it is JSON. Raises AwsError if it fails."""
        command = [self.program, *arguments, "--region", self.region]
        if arguments[0] != "s3":
            command += ["--output", "json"]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "AWS_PAGER": ""}, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise AwsError(f"aws {' '.join(arguments[:2])}: {(done.stderr or done.stdout).strip()}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout


class RetryingAws:
    """Calls the CLI again while AWS cannot be reached or the credentials have expired, within limits.

    `aws s3` cannot name the account that must own a bucket. So the owner is checked right before such a command.

    Each call is a process of its own, which reads the configuration anew: `aws sso login` in another terminal suffices.
    """

    def __init__(self, aws, account, say, sleep, clock):
        self.aws, self.account, self.say, self.sleep, self.clock = aws, account, say, sleep, clock

    def __call__(self, *arguments):
        if arguments[0] == "s3":
            for bucket in sorted({word.split("/")[2] for word in arguments[2:] if word.startswith("s3://")}):
                self._check_owner(bucket)
        waiting = {}  # for what, and until when
        while True:
            try:
                answer = self.aws(*arguments)
            except AwsError as error:
                reason = self._reason(str(error))
                if reason is None:
                    raise
                self._wait(reason, waiting, error)
                # Nothing is repeated with new credentials before it is known that they are of the same account.
                while reason == "credentials" and arguments != WHO_AM_I and not self._renewed():
                    self._wait(reason, waiting, error)
                continue
            if waiting:
                self.say("  AWS answers again")
            return answer

    def _check_owner(self, bucket):
        """Refuses a bucket that is not the account's."""
        try:
            self("s3api", "head-bucket", "--bucket", bucket, "--expected-bucket-owner", self.account)
        except AwsError as error:
            raise Refusal(f"bucket {bucket} is not account {self.account}'s, and nothing was sent to it: {error}") from error

    def _wait(self, reason, waiting, error):
        minutes = CREDENTIAL_MINUTES if reason == "credentials" else OUTAGE_MINUTES
        if reason not in waiting:
            waiting[reason] = self.clock() + minutes * 60
            self.say(self._told(reason, minutes, str(error)))
        if self.clock() > waiting[reason]:
            raise AwsError(f"{error}\nThat was so for {minutes} minutes. Run it again: it continues where it stopped.") from error
        self.sleep(RETRY_SECONDS)

    def _renewed(self):
        """Whether there are credentials again. Refuses those of another account."""
        try:
            account = self.aws(*WHO_AM_I)["Account"]
        except AwsError:
            return False
        if account != self.account:
            raise Refusal(f"the new credentials are of account {account}, the environment's is {self.account}")
        return True

    @staticmethod
    def _reason(error):
        if any(words in error for words in EXPIRED):
            if os.environ.get("AWS_SESSION_TOKEN"):
                raise Refusal("the credentials in the environment variables have expired, and a running program cannot be given new ones.\n"
                              "Set new ones and run it again: it continues where it stopped.")  # fmt: skip
            return "credentials"
        return "answer" if any(words in error for words in NOT_ANSWERED) else None

    @staticmethod
    def _told(reason, minutes, error):
        if reason == "credentials":
            return f"  THE CREDENTIALS HAVE EXPIRED: renew them in another terminal (aws sso login); this goes on by itself. It waits {minutes} minutes."
        return f"  AWS does not answer, trying again for {minutes} minutes: {error.splitlines()[0]}"

