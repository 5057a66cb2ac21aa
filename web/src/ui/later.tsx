import type { ComponentType, FunctionComponent } from "preact";
import { ErrorMessage, Loading } from "./components";
import { useAsync } from "./hooks";

/** A part of the page that is a chunk of its own, loaded when it is shown for the first time. */
export function later<P extends object>(
  load: () => Promise<{ default: ComponentType<P> }>,
  loading = "Loading…",
): FunctionComponent<P> {
  let Loaded: ComponentType<P> | undefined;
  return function Later(props: P) {
    const [chunk, reload] = useAsync("", async () => {
      Loaded = (await load()).default;
    });
    if (Loaded) return <Loaded {...props} />;
    if (chunk.state !== "failed") return <Loading what={loading} />;
    const error = new Error("This part of the page could not be loaded. Try again, or reload the page.");
    return <ErrorMessage error={error} onRetry={reload} />;
  };
}
