/** The part of the account's dialog about what is stored about the person. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Client } from "../api/client";
import { errorMessage } from "../api/errors";
import { plural } from "../lib/format";
import { saveBlob } from "./export/save";

export function MyData({ client }: { client: Client }): JSX.Element {
  const [message, setMessage] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  /** Page by page, as one file of JSON lines. */
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const lines: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await client.myData(cursor);
        for (const record of page.records) lines.push(JSON.stringify(record));
        cursor = page.cursor;
        setMessage(`${plural(lines.length, "record")} read…`);
      } while (cursor !== undefined);
      const day = new Date().toISOString().slice(0, 10);
      saveBlob(new Blob([`${lines.join("\n")}\n`], { type: "application/jsonl" }), `my data ${day}.jsonl`);
      setMessage(`${plural(lines.length, "record")} saved.`);
    } catch (problem) {
      setMessage("");
      setError(errorMessage(problem));
    }
    setBusy(false);
  };

  return (
    <section aria-labelledby="account-data">
      <h3 id="account-data">Your data</h3>
      <p>
        Everything that is stored about you: your uploads, documents of others that name you, your settings, and your
        part of the audit log. You delete an upload on its own page, where your organization allows it; otherwise ask
        support.
      </p>
      <button type="button" class="quiet" disabled={busy} onClick={() => void save()}>
        {busy ? "Collecting…" : "Save your data"}
      </button>
      <p class="muted small" role="status">
        {message}
      </p>
      {error !== undefined && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
    </section>
  );
}
