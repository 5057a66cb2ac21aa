/** Takes many contracts along: their findings as a table, or results and documents in an archive. */

import type { Client } from "../../api/client";
import type { JobView } from "../../api/types";
import { plural } from "../../lib/format";
import { loadResult } from "../result/load";
import { understand } from "../result/understand";
import { type Contract, csv } from "./csv";
import { saveBlob } from "./save";

/** The jobs to save, and the callbacks for progress. */
export interface BulkSave {
  client: Client;
  /** Called after the browser has asked where to save, which it does only right after a click. */
  jobs: () => Promise<readonly JobView[]>;
  /** Without an ending. */
  name: string;
  progress(message: string): void;
}

/** Returns what was saved, in a sentence. */
export async function saveTable({ client, jobs, name, progress }: BulkSave): Promise<string> {
  const all = await jobs();
  const contracts: Contract[] = [];
  let unread = 0;
  for (const [index, job] of all.entries()) {
    progress(`Reading ${index + 1} of ${all.length}…`);
    const findings = await findingsOf(client, job).catch(() => {
      unread += 1;
      return "not counted: the result could not be read";
    });
    contracts.push({ job, findings });
  }
  saveBlob(new Blob([csv(contracts, location.origin)], { type: "text/csv" }), `${name}.csv`);
  const missing = unread > 0 ? ` ${plural(unread, "result")} could not be read: try again.` : "";
  return `${plural(all.length, "contract")} in the table.${missing}`;
}

async function findingsOf(client: Client, job: JobView): Promise<Contract["findings"]> {
  if (job.status !== "Ready" && job.earlier_result === undefined) return undefined;
  const result = await loadResult(client, job.id);
  const findings = result.kind === "json" ? understand(result.json, result.paths).findings : undefined;
  return findings ?? "not counted: the result has another form";
}

/** Returns what was saved, in a sentence; an empty one if the person closed the browser's dialog. */
export async function saveArchive({ client, jobs, name, progress }: BulkSave): Promise<string> {
  const { saveZip } = await import("./zip");
  let of = 0;
  const saved = await saveZip(
    client,
    async () => {
      const all = await jobs();
      of = all.length;
      return all;
    },
    `${name}.zip`,
    (done) => progress(`${done} of ${of} in the archive…`),
  );
  return saved ? `${plural(of, "contract")} saved.` : "";
}
