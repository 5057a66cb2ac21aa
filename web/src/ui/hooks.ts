import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { everySecond } from "../lib/clock";
import type { Emitter } from "../lib/emitter";

/** How often the estimates of open jobs are loaded again: pushes have none, and the service counts about once a minute. */
export const ESTIMATE_REFRESH_MS = 60_000;

/** Renders again whenever one of the emitters emits. */
export function useEmitters(...sources: readonly Emitter[]): void {
  const [, bump] = useState(0);
  useLayoutEffect(() => {
    const heard = (): void => bump((count) => count + 1);
    const stops = sources.map((source) => source.subscribe(heard));
    return () => {
      for (const stop of stops) stop();
    };
  }, sources);
}

/** A text that depends on the time. It is computed every second and rendered only if it changed. */
export function useTickingText(text: () => string): string {
  const [, bump] = useState(0);
  const shown = useRef("");
  const make = useRef(text);
  make.current = text;
  shown.current = text();
  useEffect(
    () =>
      everySecond(() => {
        if (make.current() !== shown.current) bump((count) => count + 1);
      }),
    [],
  );
  return shown.current;
}

export type AsyncState<T> =
  | { state: "loading"; value?: T }
  | { state: "done"; value: T }
  | { state: "failed"; error: unknown; value?: T };

/**
 * Loads a value when `key` changes or on reload. The previous value stays available during a reload. What is being loaded is
 * not asked for again until it has come: a request can wait for hours, for the reader to sign in again.
 */
export function useAsync<T>(key: string, load: () => Promise<T>): [AsyncState<T>, () => void] {
  const [reloads, setReloads] = useState(0);
  const busy = useRef(false);
  const again = useRef(false);
  const [loaded, set] = useState<AsyncState<T> & { key: string }>({ state: "loading", key });
  useEffect(() => {
    let current = true;
    busy.current = true;
    again.current = false;
    set((before) => (before.key === key && before.value !== undefined ? { ...before } : { state: "loading", key }));
    const ended = load().then(
      (value) => current && set({ state: "done", value, key }),
      (error: unknown) =>
        current &&
        set(
          (before) =>
            ({
              state: "failed",
              error,
              key,
              ...(before.key === key && before.value !== undefined ? { value: before.value } : {}),
            }) as AsyncState<T> & { key: string },
        ),
    );
    void ended.then(() => {
      if (!current) return;
      busy.current = false;
      if (again.current) setReloads((count) => count + 1);
    });
    return () => {
      current = false;
    };
  }, [key, reloads]);
  const reload = (): void => {
    if (busy.current) again.current = true;
    else setReloads((count) => count + 1);
  };
  return [loaded.key === key ? loaded : { state: "loading" }, reload];
}
