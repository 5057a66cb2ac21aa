/** The log of a webhook's deliveries. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { DeliveryView } from "../../api/types";
import { formatBytes } from "../../lib/format";
import { ErrorMessage, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { useAsync } from "../hooks";

/** How often the log is read again while it is shown. */
const REFRESH_MS = 5000;

export function Deliveries({ id, tests }: { id: string; tests: number }): JSX.Element {
  const { client } = useAppContext();
  const [list, reload] = useAsync(id, () => client.deliveries(id));
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [id]);
  useEffect(() => {
    if (tests > 0) reload();
  }, [tests]);
  const deliveries = list.value?.deliveries;
  if (list.state === "failed" && deliveries === undefined) return <ErrorMessage error={list.error} onRetry={reload} />;
  if (deliveries === undefined) return <Loading what="Loading the deliveries…" />;
  if (deliveries.length === 0) return <p class="muted">Nothing was sent in the last 7 days.</p>;
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="Deliveries">
      <table>
        <thead>
          <tr>
            <th>Time</th>
            <th>Event</th>
            <th>Attempt</th>
            <th>Response</th>
          </tr>
        </thead>
        <tbody>
          {deliveries.map((delivery) => (
            <tr key={`${delivery.at} ${delivery.event_id}`}>
              <td class="nowrap">
                <Time at={delivery.at} />
              </td>
              <td>
                {delivery.sequence === 0 ? "test" : delivery.sequence}
                <span class="muted small id">{delivery.event_id}</span>
              </td>
              <td>{delivery.attempt}</td>
              <td>
                <Outcome delivery={delivery} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Outcome({ delivery }: { delivery: DeliveryView }): JSX.Element {
  return (
    <>
      {delivery.problem === undefined ? (
        <>Delivered ({delivery.status})</>
      ) : (
        <span class="late">
          {delivery.problem}
          {delivery.retry_at === undefined ? "; given up" : "; again "}
          {delivery.retry_at !== undefined && <Time at={delivery.retry_at} />}
        </span>
      )}
      {delivery.response !== "" && delivery.response !== undefined && (
        <span class="quote">
          <bdi>{delivery.response}</bdi>
        </span>
      )}
      {delivery.request !== "" && delivery.request !== undefined && (
        <details>
          <summary>Request ({formatBytes(delivery.request_bytes)})</summary>
          <span class="quote">
            <bdi>{delivery.request}</bdi>
          </span>
        </details>
      )}
    </>
  );
}
