"""What can go wrong."""


class Problem(Exception):
    """The service refused the request. `code` is the last part of the problem's type, such as `not-ready`; docs/problems.md
    lists them."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({status} {code})" if code else f"{detail} ({status})")
        self.status = status
        self.code = code
        self.detail = detail


class ServiceUnavailable(Exception):
    """The service or S3 did not answer, or answered that it cannot, in several attempts."""


class NotSignedIn(Exception):
    """The user pool refused the credentials."""


class UploadRefused(Exception):
    """S3 refused the file, or the file changed while it was uploaded."""


class WaitTimeout(Exception):
    """The job has not ended within the given time. It goes on: wait again."""


class EventsMissing(Exception):
    """The hashes of the feed do not fit: an event is missing or changed."""

    def __init__(self, sequence: int) -> None:
        super().__init__(f"the hashes do not fit at sequence {sequence}: an event is missing or changed")
        self.sequence = sequence
