/** What people noted about a contract, and the controls to change it. */

import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { errorMessage } from "../api/errors";
import * as LIMITS from "../api/limits";
import type { JobView, MarksChange } from "../api/types";
import { reviewedBy } from "../live/marks";
import { Icon, Time } from "./components";
import { useAppContext } from "./context";
import { ReasonDialog } from "./Dialog";

export function MarksPanel({ job, canReview }: { job: JobView; canReview: boolean }): JSX.Element | null {
  const app = useAppContext();
  const [problem, setProblem] = useState<string>();
  const [pending, setPending] = useState<MarksChange>();
  const { assigned_to: assignee, note } = job.marks ?? {};
  const reviewed = reviewedBy(job);
  const mayJudge = app.may("judge-contracts") && job.contents_hidden !== true;
  const save = async (change: MarksChange): Promise<void> => {
    app.store.add([(await app.client.mark(job.id, change)).job]);
  };
  const change = (changes: MarksChange): void => {
    setProblem(undefined);
    // Support gives a reason, as for all that it does.
    if (app.isSupport) setPending(changes);
    else save(changes).catch((error: unknown) => setProblem(errorMessage(error)));
  };
  if (!mayJudge && !reviewed && assignee === undefined && note === undefined) return null;
  return (
    <section class="marks" aria-label="Review and assignment">
      {reviewed ? (
        <p>
          <span class="badge reviewed">
            <Icon name="check" /> Reviewed
          </span>{" "}
          <span class="muted">
            by <bdi>{reviewed.by}</bdi>, <Time at={reviewed.at} />
          </span>{" "}
          {mayJudge && (
            <button type="button" class="link" onClick={() => change({ reviewed: false })}>
              Not reviewed
            </button>
          )}
        </p>
      ) : (
        mayJudge &&
        canReview && (
          <button type="button" class="quiet" onClick={() => change({ reviewed: true })}>
            <Icon name="check" /> Mark as reviewed
          </button>
        )
      )}
      {mayJudge ? (
        <>
          <Field
            label="Assigned to"
            value={assignee ?? ""}
            maxLength={LIMITS.assignee}
            list="people"
            onSave={(text) => change({ assigned_to: text })}
          />
          {assignee !== app.me.actor && (
            <button type="button" class="link" onClick={() => change({ assigned_to: app.me.actor })}>
              Assign to me
            </button>
          )}
          <datalist id="people">
            {app.people().map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <Field
            label="Note"
            value={note ?? ""}
            maxLength={LIMITS.note}
            wide
            onSave={(text) => change({ note: text })}
          />
        </>
      ) : (
        <>
          {assignee !== undefined && (
            <p class="muted">
              Assigned to <bdi>{assignee}</bdi>
            </p>
          )}
          {note !== undefined && <p>{<bdi>{note}</bdi>}</p>}
        </>
      )}
      <p class="form-error" role="alert">
        {problem}
      </p>
      {pending && (
        <ReasonDialog
          title="Change the marks of this contract"
          action="Change"
          onSubmit={(reason) => save({ ...pending, reason })}
          onClose={() => setPending(undefined)}
        >
          <p class="muted">The tenant's reviewers see your name beside the mark.</p>
        </ReasonDialog>
      )}
    </section>
  );
}

interface TextFieldProps {
  label: string;
  value: string;
  maxLength: number;
  list?: string;
  wide?: boolean;
  onSave(text: string): void;
}

/** A line of text that is saved when the person leaves it or presses Enter. Escape restores what was there. */
function Field({ label, value, maxLength, list, wide, onSave }: TextFieldProps): JSX.Element {
  const [text, setText] = useState(value);
  /** What the text was before it was edited, or was saved as. */
  const saved = useRef(value);
  useLayoutEffect(() => {
    // What is being typed stays, also if another reader changes the value meanwhile.
    if (text.trim() === saved.current) setText(value);
    saved.current = value;
  }, [value]);
  const commit = (): void => {
    if (text.trim() === value) return;
    saved.current = text.trim();
    onSave(text.trim());
  };
  return (
    <label class={wide ? "inline wide" : "inline"}>
      <span>{label}</span>
      <input
        type="text"
        value={text}
        maxLength={maxLength}
        {...(list === undefined ? {} : { list })}
        placeholder={list === undefined ? "One line for all readers" : "Unassigned"}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") setText(value);
        }}
      />
    </label>
  );
}
