/** A modal `<dialog>`: the browser traps the focus, makes the rest of the page inert, and closes it on Escape. */

import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError, errorMessage } from "../api/errors";
import * as LIMITS from "../api/limits";

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
  const pressed = useRef<EventTarget | null>(null);
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
      onClose={() => {
        // At the second Escape in a row the browser closes a dialog without asking.
        if (ref.current && onClose) onClose();
        else ref.current?.showModal();
      }}
      onPointerDown={(event) => {
        pressed.current = event.target;
      }}
      onClick={(event) => {
        // Text that is selected beyond the dialog's edge is no click beside it.
        if (event.target === ref.current && pressed.current === ref.current) onClose?.();
      }}
    >
      <div class="dialog">{children}</div>
    </dialog>
  );
}

interface FormDialogProps {
  title: string;
  /** Explains what the action does, and what it needs to know. */
  children?: ComponentChildren;
  action: string;
  danger?: boolean;
  disabled?: boolean;
  /** The problem of what was entered. */
  problem?: string | undefined;
  /** A refused action. */
  onRefused?(error: unknown): void;
  onSubmit(): Promise<void>;
  onClose(): void;
}

/** A form in a dialog. It closes when the action has succeeded, and stays open with the problem if it fails. */
export function FormDialog({
  title,
  children,
  action,
  danger,
  disabled,
  problem,
  onRefused,
  onSubmit,
  onClose,
}: FormDialogProps): JSX.Element {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await onSubmit();
      onClose();
    } catch (refused) {
      setError(errorMessage(refused));
      onRefused?.(refused);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2>{title}</h2>
        {children}
        <p class="form-error" role="alert">
          {error ?? problem}
        </p>
        <div class="buttons">
          <button type="button" class="quiet" onClick={onClose}>
            Close
          </button>
          <button type="submit" class={danger ? "danger" : "primary"} disabled={busy || disabled}>
            {busy ? "Working…" : action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface ReasonDialogProps extends Omit<FormDialogProps, "onRefused" | "onSubmit"> {
  maxLength?: number;
  placeholder?: string;
  /** Offers to force the retry if the service refuses it as `poisoned`. */
  canForce?: boolean;
  onSubmit(reason: string, force: boolean): Promise<void>;
}

/** Asks for a reason, which goes into the audit log, then runs the action. */
export function ReasonDialog({
  children,
  disabled,
  maxLength = LIMITS.reason,
  placeholder = "One sentence for the contract's history",
  canForce,
  onSubmit,
  ...form
}: ReasonDialogProps): JSX.Element {
  const [reason, setReason] = useState("");
  const [isPoisoned, setIsPoisoned] = useState(false);
  const [force, setForce] = useState(false);
  return (
    <FormDialog
      {...form}
      disabled={disabled === true || reason.trim() === ""}
      onRefused={(error) => setIsPoisoned(error instanceof ApiError && error.code === "poisoned")}
      onSubmit={() => onSubmit(reason.trim(), force)}
    >
      {children}
      <label>
        Reason
        <textarea
          required
          maxLength={maxLength}
          rows={3}
          value={reason}
          autofocus
          placeholder={placeholder}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      {isPoisoned && canForce && (
        <label class="check">
          <input type="checkbox" checked={force} onChange={(event) => setForce(event.currentTarget.checked)} /> Retry
          anyway
        </label>
      )}
    </FormDialog>
  );
}
