/** Components that every screen uses. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { errorMessage } from "../api/errors";
import { now } from "../lib/clock";
import { formatDay, formatDuration, formatExactly, formatMoment } from "../lib/format";
import { useTickingText } from "./hooks";

/** A time in the reader's time zone, with the full date and time as tooltip. */
export function Time({ at }: { at: number }): JSX.Element {
  const text = useTickingText(() => formatMoment(at, now()));
  return (
    <time dateTime={new Date(at).toISOString()} title={formatExactly(at)}>
      {text}
    </time>
  );
}

/** A date in the reader's time zone. */
export function Day({ at }: { at: number }): JSX.Element {
  return (
    <time dateTime={new Date(at).toISOString()} title={formatExactly(at)}>
      {formatDay(at)}
    </time>
  );
}

/** The time since `since`, or the time left until `until`. */
export function Elapsed({ since, until }: { since?: number; until?: number }): JSX.Element {
  const text = useTickingText(() =>
    since !== undefined ? formatDuration(now() - since) : formatDuration((until ?? 0) - now()),
  );
  const at = since ?? until ?? 0;
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={`${since !== undefined ? "since" : "until"} ${formatExactly(at)}`}
    >
      {text}
    </time>
  );
}

/** A name that a person chose. `<bdi>` isolates its text direction from the surrounding text. */
export function Name({ text }: { text: string }): JSX.Element {
  return (
    <bdi class="name" title={text}>
      {text}
    </bdi>
  );
}

export function ErrorMessage({ error, onRetry }: { error: unknown; onRetry?: () => void }): JSX.Element {
  return (
    <div class="error-box" role="alert">
      <Icon name="alert" />
      <p>{errorMessage(error)}</p>
      {onRetry && (
        <button type="button" class="quiet" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Loading({ what }: { what: string }): JSX.Element {
  return (
    <div class="empty" aria-busy="true">
      <span class="ring large" aria-hidden="true" />
      <p class="muted">{what}</p>
    </div>
  );
}

export function EmptyState({
  icon,
  title,
  children,
}: {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children && <p class="muted">{children}</p>}
    </div>
  );
}

/** The heading of a screen. It takes the focus when the screen opens, so that screen readers read it and Tab continues there. */
export function Heading({ children }: { children: ComponentChildren }): JSX.Element {
  const ref = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (document.activeElement === document.body || document.activeElement === null)
      ref.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h1 ref={ref} tabIndex={-1}>
      {children}
    </h1>
  );
}

export type IconName =
  | "check"
  | "cross"
  | "clock"
  | "alert"
  | "file"
  | "upload"
  | "search"
  | "bell"
  | "down"
  | "back"
  | "retry"
  | "stop"
  | "pause"
  | "inbox"
  | "copy"
  | "up"
  | "downward"
  | "plus"
  | "minus"
  | "outside";

const PATHS: Record<IconName, string> = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M7 7l10 10M17 7L7 17",
  clock: "M12 7v5l3.5 2M12 21a9 9 0 100-18 9 9 0 000 18z",
  alert: "M12 8v5m0 3.2v.3M12 21a9 9 0 100-18 9 9 0 000 18z",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  upload: "M12 16V5m-4.5 4.5L12 5l4.5 4.5M5 19h14",
  search: "M11 18a7 7 0 100-14 7 7 0 000 14zM16 16l4.5 4.5",
  bell: "M6 17V11a6 6 0 1112 0v6l1.5 1.5h-15zM10 21h4",
  down: "M12 5v11m-4.5-4.5L12 16l4.5-4.5M5 19h14",
  back: "M14.5 6l-6 6 6 6",
  retry: "M19 12a7 7 0 11-2.2-5.1M19 4v4h-4",
  stop: "M12 21a9 9 0 100-18 9 9 0 000 18zM6 6l12 12",
  pause: "M9 6v12M15 6v12",
  inbox: "M4 13l3-8h10l3 8v6H4zM4 13h5l1 2.5h4L15 13h5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  up: "M6 14.5l6-6 6 6",
  downward: "M6 9.5l6 6 6-6",
  plus: "M12 6v12M6 12h12",
  minus: "M6 12h12",
  outside: "M11 6H6v12h12v-5M14 5h5v5M19 5l-8 8",
};

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The problem of a form. It takes no space while there is none. */
export function FormError({ text }: { text: string | undefined }): JSX.Element {
  return (
    <p class="form-error" role="alert">
      {text && (
        <>
          <Icon name="alert" /> <bdi>{text}</bdi>
        </>
      )}
    </p>
  );
}
