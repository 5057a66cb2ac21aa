/** Results and documents of contracts in one ZIP file, which is written while they are downloaded. */

import { downloadZip } from "client-zip";
import type { Client } from "../../api/client";
import type { JobView, ResultView } from "../../api/types";
import { fileName, saveBlob } from "./save";

interface ArchiveEntry {
  name: string;
  lastModified: Date;
  input: Response | string;
}

/** What the file system of a browser offers (Chromium). Others keep the archive in memory, or on disk as they see fit. */
interface SavePicker {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<{
    createWritable(): Promise<WritableStream<Uint8Array>>;
  }>;
}

/** The entries of each contract, in a folder of its own. What cannot be loaded is named in `missing.txt`. */
async function* entries(
  client: Client,
  jobs: readonly JobView[],
  progress: (done: number) => void,
): AsyncGenerator<ArchiveEntry> {
  const missing: string[] = [];
  const folders = new Set<string>();
  for (const [index, job] of jobs.entries()) {
    let folder = fileName(job.name, "").replace(/\.$/, "");
    if (folders.has(folder.toLowerCase())) folder += ` ${job.id.slice(0, 8)}`;
    folders.add(folder.toLowerCase());
    const lastModified = new Date(job.updated_at);
    const parts: [string, () => Promise<ResultView>][] = [["document", () => client.document(job.id)]];
    if (job.status === "Ready" || job.earlier_result !== undefined) parts.push(["result", () => client.result(job.id)]);
    for (const [what, sign] of parts) {
      try {
        const view = await sign();
        const input = await fetch(view.request.url, { headers: view.request.headers, credentials: "omit" });
        if (!input.ok) throw new Error(`S3 answered ${input.status}`);
        const name = view.name.replace(/[/\\]/g, "_");
        // An OCR result has the name of its document.
        yield {
          name: `${folder}/${what === "result" && /\.pdf$/i.test(name) ? `result ${name}` : name}`,
          lastModified,
          input,
        };
      } catch (error) {
        missing.push(`${job.name}, ${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    progress(index + 1);
  }
  if (missing.length > 0) yield { name: "missing.txt", lastModified: new Date(), input: `${missing.join("\n")}\n` };
}

/** Returns whether it was saved: a person may close the browser's dialog. */
export async function saveZip(
  client: Client,
  /** Called once the person has said where to save: the browser asks only right after a click. */
  jobs: () => Promise<readonly JobView[]>,
  name: string,
  progress: (done: number) => void,
): Promise<boolean> {
  const picker = (window as SavePicker).showSaveFilePicker;
  if (!picker) {
    saveBlob(await downloadZip(entries(client, await jobs(), progress)).blob(), name);
    return true;
  }
  let file: Awaited<ReturnType<typeof picker>>;
  try {
    file = await picker.call(window, { suggestedName: name });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return false;
    throw error;
  }
  const archive = downloadZip(entries(client, await jobs(), progress)).body;
  if (archive) await archive.pipeTo(await file.createWritable());
  return true;
}
