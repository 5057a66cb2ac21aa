/** A modal `<dialog>`: the browser traps the focus, makes the rest of the page inert, and closes it on Escape. */

import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, errorMessage } from "../api/errors";

export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose?: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  // A layout effect: what useEffect cleans up runs after the next frame, when the reader may be typing elsewhere.
  useLayoutEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement as HTMLElement | null;
    dialog?.showModal();
    return () => {
      dialog?.close();
      before?.focus?.({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onClick={(event) => {
        if (event.target === ref.current) onClose?.();
      }}
    >
      <div class="dialog">{children}</div>
    </dialog>
  );
}

interface ReasonDialogProps {
  title: string;
  /** Explains what the action does. */
  children?: ComponentChildren;
  action: string;
  danger?: boolean;
  /** The API's limit, in characters. */
  maxLength?: number;
  /** Offers to force the retry if the service refuses it as `poisoned`. */
  canForce?: boolean;
  onSubmit(reason: string, force: boolean): Promise<void>;
  onClose(): void;
}

/** Asks for a reason, which goes into the audit log, then runs the action. */
export function ReasonDialog({
  title,
  children,
  action,
  danger,
  maxLength: most = 500,
  canForce,
  onSubmit,
  onClose,
}: ReasonDialogProps): JSX.Element {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [isPoisoned, setIsPoisoned] = useState(false);
  const [force, setForce] = useState(false);
  const [error, setError] = useState<string>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await onSubmit(reason.trim(), force);
      onClose();
    } catch (problem) {
      setError(errorMessage(problem));
      setIsPoisoned(problem instanceof ApiError && problem.code === "poisoned");
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>{title}</h2>
        {children}
        <label>
          Reason
          <textarea
            required
            maxLength={most}
            rows={3}
            value={reason}
            autofocus
            placeholder="One sentence for the contract's history"
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <p class="form-error" role="alert">
          {error}
        </p>
        {isPoisoned && canForce && (
          <label class="check">
            <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> Retry
            anyway
          </label>
        )}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy || reason.trim() === ""}>
            {busy ? "Working…" : action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
