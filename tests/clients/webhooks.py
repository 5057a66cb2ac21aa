"""Verifies webhooks with independent libraries, as a customer's program does.

  python webhooks.py < requests.json    a list of {"secret": …, "headers": {…}, "body": …}

Each request must be accepted with its secret, and refused with another one and with another body, by the PyPI packages
standardwebhooks and svix. Ends with an error otherwise.
"""

import json
import sys

import standardwebhooks
import svix.webhooks

OTHER_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def is_accepted(library, secret, body, headers):
    try:
        library.Webhook(secret).verify(body, headers)
    except library.WebhookVerificationError:
        return False
    return True


def main():
    requests = json.load(sys.stdin)
    for library in (standardwebhooks, svix.webhooks):
        for request in requests:
            secret, body, headers = request["secret"], request["body"], request["headers"]
            assert is_accepted(library, secret, body, headers), (library.__name__, request)
            assert not is_accepted(library, OTHER_SECRET, body, headers), library.__name__
            assert not is_accepted(library, secret, body.replace("hooks", "hocks"), headers), library.__name__
    print(f"{len(requests)} requests verified by standardwebhooks and svix")


if __name__ == "__main__":
    main()
