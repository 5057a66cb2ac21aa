"""What a million jobs cost, from the calls that the functions made when nothing went wrong. List prices of us-east-1, without
the GPU and before free tiers."""

from collections import Counter

from proxies import Traffic

# Dollars per million (AWS's price pages, November 2026).
WRITE_UNIT, READ_UNIT = 0.625, 0.125  # DynamoDB, on demand: 1 KB written, 4 KB read consistently
S3_PUT, S3_GET = 5.00, 0.40  # PUT, COPY, LIST; GET, HEAD
SQS, LAMBDA, EVENT = 0.40, 0.20, 1.00
DURABLE_OPERATION = 8.00
DURABLE_GB = 0.25 + 0.15 / 30  # written, and kept for a day
GB_SECOND = 13.3334  # Lambda, arm64
# Not among the functions' calls, the same on every side: the endpoint's GET of the input, its PUT of the result, the upload's PUT.
OF_THE_ENDPOINT = 2 * S3_PUT + S3_GET
# What each side is billed besides its functions' calls, per job: write units of indexes; messages, each sent, received and
# deleted, in batches of ten where the queue feeds a function; invocations in batches of ten; milliseconds of a function with
# 256 MB. The durable function is invoked for each document, and once more when its callback is answered.
PER_JOB = {
    "docket": {"index_writes": 6, "messages": 3, "invocations": 0.3, "milliseconds": 30},
    "baseline": {"index_writes": 0, "messages": 2, "invocations": 0.2, "milliseconds": 60},
    "durable": {"index_writes": 0, "messages": 2, "invocations": 2.2, "milliseconds": 160},
}
PRICES = {
    "dynamodb.PutItem": WRITE_UNIT, "dynamodb.UpdateItem": WRITE_UNIT, "dynamodb.DeleteItem": WRITE_UNIT,
    "dynamodb.GetItem": READ_UNIT, "dynamodb.Query": READ_UNIT,
    "s3.GET": S3_GET, "s3.HEAD": S3_GET, "s3.PUT": S3_PUT,
    "events.PutEvents": EVENT, "sqs.SendMessage": SQS,
}  # fmt: skip


def of_job(traffic: Traffic, tags: list[str], besides: dict[str, float]) -> dict[str, float]:
    """Dollars for a million jobs like those of the tags, by what they are for."""
    if not tags:
        return {}
    calls: Counter[str] = Counter()
    for tag in tags:
        for name, count in traffic.calls_for[tag].items():
            calls[name.split(" ", 1)[1]] += count / len(tags)
    found: Counter[str] = Counter()
    for name, count in calls.items():
        if name in PRICES:
            found[name.split(".")[0]] += count * PRICES[name]
    operations = sum(len(traffic.durable_operations[tag]) for tag in tags) / len(tags)
    stored = sum(traffic.durable_bytes[tag] for tag in tags) / len(tags)
    found["dynamodb"] += besides["index_writes"] * WRITE_UNIT
    found["s3"] += OF_THE_ENDPOINT
    # One request for the message's arrival, and a tenth each of a batch's receipt and deletion.
    found["sqs"] += besides["messages"] * SQS * 1.2
    found["lambda"] += besides["invocations"] * LAMBDA + besides["milliseconds"] / 1000 * 0.25 * GB_SECOND
    found["durable"] += operations * DURABLE_OPERATION + stored / 1e9 * DURABLE_GB * 1e6
    return {name: dollars for name, dollars in found.items() if dollars}


def table(costs: dict[str, dict[str, float]]) -> list[str]:
    """The lines of a table: a column per side."""
    names = sorted({name for of in costs.values() for name in of})
    lines = [f"{'dollars per million jobs':24}" + "".join(f"{side:>10}" for side in costs)]
    for name in [*names, "all"]:
        cells = (sum(of.values()) if name == "all" else of.get(name, 0) for of in costs.values())
        lines.append(f"{name:24}" + "".join(f"{dollars:10.2f}" for dollars in cells))
    return lines
