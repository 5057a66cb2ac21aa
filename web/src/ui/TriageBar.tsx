/** Narrows and sorts the list: by findings, review, people and date. */

import type { JSX } from "preact";
import type { FoundFilter } from "../api/types";
import { type ListRoute, listPath } from "../lib/route";
import { isSort, SORTS } from "../live/marks";
import { useAppContext } from "./context";
import { useEmitters } from "./hooks";

const FOUND: Record<FoundFilter, string> = {
  serious: "Serious or unclear findings",
  any: "Any findings",
  none: "No findings",
};
const DATES = { 1: "Last 24 hours", 7: "Last 7 days", 30: "Last 30 days" };

interface ChoiceProps {
  label: string;
  value: string;
  any: string;
  options: Record<string, string>;
  onChoose(value: string | undefined): void;
}

function Choice({ label, value, any, options, onChoose }: ChoiceProps): JSX.Element {
  return (
    <select
      class={value === "" ? "filter" : "filter chosen"}
      aria-label={label}
      value={value}
      onChange={(event) => onChoose(event.currentTarget.value || undefined)}
    >
      <option value="">{any}</option>
      {Object.entries(options).map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
    </select>
  );
}

export function TriageBar({ route, uploaders }: { route: ListRoute; uploaders: readonly string[] }): JSX.Element {
  const app = useAppContext();
  useEmitters(app);
  const { router, me } = app;
  const go = (changes: Partial<ListRoute>): void => router.go(listPath({ ...route, ...changes }), true);
  const person = route.uploader !== undefined ? `by:${route.uploader}` : (route.assigned ?? "");
  const people: Record<string, string> = { [me.actor]: "Assigned to me", unassigned: "Unassigned" };
  people[`by:${me.actor}`] = "Uploaded by me";
  for (const name of uploaders) people[`by:${name}`] ??= `Uploaded by ${name}`;
  // One from the address, that the list does not have.
  if (person !== "")
    people[person] ??= person.startsWith("by:") ? `Uploaded by ${person.slice(3)}` : `Assigned to ${person}`;
  return (
    <div class="triage" role="group" aria-label="Narrow and sort the list">
      {app.may("read-contents") && (
        <Choice
          label="Findings"
          value={route.found ?? ""}
          any="Any result"
          options={FOUND}
          onChoose={(found) => go({ found: found as FoundFilter | undefined })}
        />
      )}
      <Choice
        label="Reviewed"
        value={route.reviewed === undefined ? "" : route.reviewed ? "yes" : "no"}
        any="Reviewed or not"
        options={{ no: "Not reviewed yet", yes: "Reviewed" }}
        onChoose={(chosen) => go({ reviewed: chosen === undefined ? undefined : chosen === "yes" })}
      />
      <Choice
        label="People"
        value={person}
        any="All people"
        options={people}
        onChoose={(chosen) =>
          go(
            chosen?.startsWith("by:")
              ? { uploader: chosen.slice(3), assigned: undefined }
              : { uploader: undefined, assigned: chosen },
          )
        }
      />
      <Choice
        label="Date"
        value={route.days === undefined ? "" : String(route.days)}
        any="Any date"
        options={DATES}
        onChoose={(days) => go({ days: days === undefined ? undefined : Number(days) })}
      />
      <Choice
        label="Order"
        value={route.sort ?? ""}
        any="Newest first"
        options={SORTS}
        onChoose={(sort) => go({ sort: isSort(sort) ? sort : undefined })}
      />
      <button
        type="button"
        class="quiet filter"
        aria-pressed={app.selected !== undefined}
        onClick={() => (app.selected ? app.select() : app.select([]))}
      >
        {app.selected ? "Stop selecting" : "Select…"}
      </button>
    </div>
  );
}
