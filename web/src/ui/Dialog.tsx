/** A dialog of the browser's own: it keeps the focus inside, Escape closes it, the rest of the page is out of reach. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
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
  useEffect(() => {
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
  /** What will happen. */
  children?: ComponentChildren;
  action: string;
  danger?: boolean;
  /** Characters, as the API allows. */
  maxLength?: number;
  /** Shown when the service says that it would be in vain; then the order can be forced. */
  canForce?: boolean;
  onSubmit(reason: string, force: boolean): Promise<void>;
  onClose(): void;
}

/** Asks for a reason, then does it. Whoever reads the audit log later should not have to guess. */
export function ReasonDialog({
  title,
  children,
  action,
  danger,
  maxLength: most = 500,
  canForce,
  onSubmit: order,
  onClose,
}: ReasonDialogProps): JSX.Element {
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [poisoned, setPoisoned] = useState(false);
  const [force, setForce] = useState(false);
  const [error, setError] = useState<string>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await order(reason.trim(), force);
      onClose();
    } catch (problem) {
      setError(errorMessage(problem));
      setPoisoned(problem instanceof ApiError && problem.code === "poisoned");
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>{title}</h2>
        {children}
        <label>
          Why?
          <textarea
            required
            maxLength={most}
            rows={3}
            value={reason}
            autofocus
            placeholder="For the contract's history, in a sentence"
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <p class="form-error" role="alert">
          {error}
        </p>
        {poisoned && canForce && (
          <label class="check">
            <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> Do it
            all the same
          </label>
        )}
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy || reason.trim() === ""}>
            {busy ? "One moment…" : action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
