import { useEffect, useState } from "preact/hooks";

export interface Paged<T> {
  entries: T[];
  state: "loading" | "more" | "complete" | "failed";
  error?: unknown;
  more(): void;
  without(keep: (entry: T) => boolean): void;
}

/** A list that is loaded page by page on request. */
export function usePaged<T>(load: (cursor?: string) => Promise<{ entries: T[]; cursor?: string }>): Paged<T> {
  const [at, set] = useState<{ entries: T[]; state: Paged<T>["state"]; cursor?: string; error?: unknown }>({
    entries: [],
    state: "loading",
  });
  const more = (): void => {
    set((before) => ({ ...before, state: "loading" }));
    load(at.cursor).then(
      (page) =>
        set((before) => ({
          entries: [...before.entries, ...page.entries],
          state: page.cursor === undefined ? "complete" : "more",
          ...(page.cursor === undefined ? {} : { cursor: page.cursor }),
        })),
      (error: unknown) => set((before) => ({ ...before, state: "failed", error })),
    );
  };
  useEffect(more, []);
  return { ...at, more, without: (keep) => set((before) => ({ ...before, entries: before.entries.filter(keep) })) };
}
