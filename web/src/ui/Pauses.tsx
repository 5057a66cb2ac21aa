/** What is paused, above the list. Support also sees who paused it and why. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { PauseView } from "../api/types";
import { Icon, Time } from "./components";
import { useAppContext } from "./context";
import { ESTIMATE_REFRESH_MS, useAsync } from "./hooks";

export function Pauses(): JSX.Element | null {
  const app = useAppContext();
  const [list, reload] = useAsync("pauses", () => app.client.pauses());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), ESTIMATE_REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const concerns = ({ tenant }: PauseView): boolean =>
    app.tenant === undefined || tenant === undefined || tenant === app.tenant;
  // A service that does not answer shows nothing here: the rows say what waits.
  const pauses = (list.value?.pauses ?? []).filter(concerns);
  if (pauses.length === 0) return null;
  return (
    <>
      {pauses.map((pause) => (
        <p key={`${pause.pipeline}:${pause.tenant}:${pause.breaker}`} class="notice" role="status">
          <Icon name="pause" />
          <span>
            {pause.pipeline === undefined ? "Reviews" : app.pipelineLabel(pause.pipeline)}
            {(app.seesAllTenants || app.me.tenants.length > 1) && pause.tenant !== undefined && ` for ${pause.tenant}`}
            {pause.breaker ? (
              <>
                {" "}
                does not answer at the moment. You can upload; what waits starts by itself as soon as it works again,
                which is tried <Time at={pause.until} />.
              </>
            ) : (
              <>
                {pause.pipeline === undefined ? " are" : " is"} paused. You can upload; what waits starts by itself, at
                the latest <Time at={pause.until} />.
              </>
            )}
            {pause.reason !== undefined && (
              <span class="muted">
                {" "}
                {pause.breaker ? "circuit breaker" : pause.actor}: {pause.reason}
              </span>
            )}
          </span>
        </p>
      ))}
    </>
  );
}
