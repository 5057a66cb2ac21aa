/** Which other contracts are about the same document: corrected versions, and other versions of the same object. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { JobDetail, JobView } from "../api/types";
import { jobPath } from "../lib/route";
import { CORRECTS } from "../upload/queue";
import { Time } from "./components";
import { useAppContext } from "./context";
import { statusLabel } from "./labels";

export function OtherVersions({ job, detail }: { job: JobView; detail: JobDetail }): JSX.Element | null {
  const corrects = job.tags?.[CORRECTS];
  const correctedBy = job.marks?.corrected_by;
  const others = useVersionsOf(job, detail);
  if (corrects === undefined && correctedBy == null && others.length === 0) return null;
  return (
    <ul class="versions" aria-label="Other versions">
      {corrects !== undefined && (
        <li>
          This is a corrected version of <a href={jobPath(corrects)}>an earlier document</a>.
        </li>
      )}
      {correctedBy != null && (
        <li>
          A <a href={jobPath(correctedBy)}>corrected version</a> was uploaded.
        </li>
      )}
      {others.map((other) => (
        <li key={other.id}>
          {other.created_at >= job.created_at ? "A newer" : "An older"} version of this file:{" "}
          <a href={jobPath(other.id)}>
            <bdi>{other.name}</bdi>
          </a>
          , {statusLabel(other).toLowerCase()}, <Time at={other.created_at} />
        </li>
      ))}
    </ul>
  );
}

/** Other versions of the same object, the newest first. An upload of this page has a key of its own, so it has none. */
function useVersionsOf(job: JobView, { input, uploaded_by }: JobDetail): readonly JobView[] {
  const { client } = useAppContext();
  const [versions, setVersions] = useState<readonly JobView[]>([]);
  const isSuperseded = job.failure?.cause === "Superseded";
  const mayHave = input !== "" && (uploaded_by === undefined || isSuperseded);
  useEffect(() => {
    let current = true;
    setVersions([]);
    if (!mayHave) return;
    client.jobs({ find: input, tenant: job.tenant }).then(
      ({ jobs }) =>
        current && setVersions(jobs.filter((one) => one.id !== job.id).sort((a, b) => b.created_at - a.created_at)),
      () => undefined, // The contract itself is shown all the same.
    );
    return () => {
      current = false;
    };
  }, [job.id, input, mayHave]);
  return versions;
}
