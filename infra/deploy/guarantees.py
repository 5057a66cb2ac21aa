"""The ten guarantees of ARCHITECTURE.md, compared with what a game day saw."""

import json

from cli import AwsError
from witness import OTHER_TENANT

GUARANTEES = {
    1: "every object version has exactly one job",
    2: "every job ends",
    3: "Ready means: the result is there, and was made from this version",
    4: "a late or duplicated message changes no final state",
    5: "a duplicate event or a lost notification costs no second run",
    6: "what cannot be understood is quarantined",
    7: "a page shows the state of the table",
    8: "another tenant's jobs cannot be seen",
    9: "a support action records who and why",
    10: "every effect of a state runs",
}
MAX_LOST_PUSHES = 0.05  # of all


class Guarantees:
    """What became of each. A check returns what speaks against the guarantee, and what was seen."""

    def __init__(self, game):
        self.game = game

    def report(self):
        """Says each guarantee kept or broken. Returns how many were broken."""
        game, broken = self.game, 0
        for remark in game.remarks:
            game.say(f"  remark: {remark}")
        for number, words in GUARANTEES.items():
            against, seen = getattr(self, f"guarantee_{number}")()
            broken += bool(against)
            game.say(f"  {'BROKEN' if against else 'kept  '} {number:>2}  {words}: {'; '.join(against[:5]) or seen}")
        return broken

    def guarantee_1(self):
        game = self.game
        rows = {row["job_id"]["S"] for row in game.rows()}
        own = {one.job for one in game.documents}
        versions = game.versions()
        missing = [f"{one.key} has no job" for one in game.documents if not one.row]
        # `rows` also has those of earlier runs that could not be cleaned up.
        surplus = [f"{len(own)} jobs for {len(versions)} versions"] if len(own) != len(versions) else []
        unlisted = [f"job {job} is in no list" for job in own - rows]
        return missing + surplus + unlisted, f"{len(versions)} versions, {len(own)} jobs"

    def guarantee_2(self):
        against = []
        for one in self.game.documents:
            if not one.as_expected:
                expected = f"{one.status}{f' ({one.cause})' if one.cause else ''}"
                against.append(f"{one.case}: {one.key.rsplit('/', 1)[-1]} {one.end()}, expected {expected}")
        seen = ", ".join(f"{count} {case} {status}" for (case, status), count in sorted(self.game.counts().items()))
        return against, seen

    def guarantee_3(self):
        game, against, looked = self.game, [], 0
        current = {(one["Key"], one["VersionId"]) for one in game.versions()}
        for one in game.documents:
            if not one.row or one.row["status"]["S"] != "Ready":
                continue
            if (one.key, one.row["input"]["M"]["version"]["S"]) not in current:
                against.append(f"{one.key}: its version is not in the bucket")
            key = next((record["M"]["output"]["S"] for record in reversed(one.row["attempts"]["L"]) if "output" in record["M"]), None)
            if key is None:
                against.append(f"{one.key} is Ready without a result")
                continue
            # A head request for each would take as many calls as documents; five of each case tell as much.
            if looked < 25:
                looked += 1
                try:
                    game.aws("s3api", "head-object", "--bucket", game.outputs["JobsBucketName"], "--expected-bucket-owner", game.environment.given["account"], "--key", key)
                except AwsError as error:
                    against.append(f"{one.key}: no result at {key}: {error}")
        if not looked:
            against.append("no job was ready")
        return against, f"{looked} results read"

    def guarantee_4(self):
        game = self.game
        now = {one.job: one.row["version"]["N"] for one in game.documents if one.row}
        return [f"job {job} changed after it had ended" for job, version in game.before.items() if now.get(job) != version], f"{len(game.before)} jobs unchanged"

    def guarantee_5(self):
        against = []
        for one in self.game.documents:
            count = len(one.row["attempts"]["L"]) if one.row else 0
            if one.status == "Ready" and count > one.attempts:
                against.append(f"{one.case}: {one.key} was run {count} times")
        return against, "one run for each document"

    def guarantee_6(self):
        game = self.game
        end = game.clock() + game.pace.max_wait
        while not (found := game.quarantined()) and game.clock() < end:
            game.sleep(game.pace.poll)
        return ([] if found else ["the malformed message is not in quarantine"]), "the malformed message is in quarantine"

    def guarantee_7(self):
        game = self.game
        ended = [one for one in game.documents if one.ended]
        # A page asks for its state every minute, so that single pushes may be lost.
        few, end = MAX_LOST_PUSHES * len(ended), game.clock() + game.pace.pushes
        # A function saves a job before it pushes.
        while len(lost := self.not_pushed(ended)) > few and game.clock() < end:
            game.sleep(game.pace.poll)
            game.read_pages()
        against = [f"{one.key} is {one.row['status']['S']}, the page shows {self.shown(one) or 'nothing'}" for one in lost]
        return (against if len(lost) > few else []), f"{len(ended) - len(lost)} of {len(ended)} ends pushed"

    def not_pushed(self, documents):
        """The documents whose last push does not say how they ended."""
        return [one for one in documents if self.shown(one) != one.row["status"]["S"]]

    def shown(self, document):
        """The status that the page shows, or None."""
        return self.game.pushed.get(document.job, {}).get("status")

    def guarantee_8(self):
        game = self.game
        against = [f"a page of another tenant got job {job}" for job in game.others_saw]
        one = game.documents[0]
        status, _ = game.api("GET", f"/jobs/{one.job}", groups=f"[reviewer tenant:{OTHER_TENANT}]")
        if status != 404:
            against.append(f"a reviewer of another tenant got {status} for job {one.job}")
        status, _ = game.api("GET", f"/jobs/{one.job}", groups="[support]")
        if status != 200:
            against.append(f"support got {status} for job {one.job}, so that a 404 says nothing")
        return against, "another tenant's page saw nothing, its reviewer got a 404"

    def guarantee_9(self):
        game = self.game
        status, found = game.api("GET", "/audit")
        reason = f"game day {game.name}"
        entries = [entry for entry in (found or {}).get("entries", []) if reason in json.dumps(entry)]
        missing = [one.job for one in game.of("cancelled") if not any(one.job in json.dumps(entry) for entry in entries)]
        against = [f"the audit log has no entry about {job}" for job in missing] + ([f"the audit log answered {status}"] if status != 200 else [])
        return against, f"{len(entries)} audit entries"

    def guarantee_10(self):
        game = self.game
        wanted = {one.job for one in game.documents if one.ended and one.row["status"]["S"] in ("Ready", "Failed")}
        end = game.clock() + game.pace.max_wait
        while wanted - game.read_events() and game.clock() < end:
            game.sleep(game.pace.poll)
        return [f"no event about job {job}" for job in sorted(wanted - game.events)], f"events about {len(wanted & game.events)} jobs"

