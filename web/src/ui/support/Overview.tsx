/** The overview for support: numbers, and recent failures by cause. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { JobSummary } from "../../api/types";
import { formatNumber } from "../../lib/format";
import { listPath } from "../../lib/route";
import { EmptyState, ErrorMessage, Heading, Icon, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { useAsync } from "../hooks";
import { causeLabel } from "../labels";
import { GuideLink } from "./GuideLink";
import { NewPlanDialog } from "./NewPlan";
import { PlanRows } from "./Plans";

const REFRESH_MS = 60_000;

export function Overview(): JSX.Element {
  const app = useAppContext();
  const [summary, reload] = useAsync<JobSummary>(app.tenant ?? "", () => app.client.summary(app.tenant));
  const [planning, setPlanning] = useState<string>();
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  const found = summary.value;
  return (
    <>
      <div class="screen-head">
        <Heading>Overview</Heading>
        {found && (
          <span class="muted">
            counted <Time at={found.at} />
          </span>
        )}
      </div>
      {summary.state === "failed" && <ErrorMessage error={summary.error} onRetry={reload} />}
      {!found ? (
        summary.state !== "failed" && <Loading what="Counting…" />
      ) : (
        <>
          <ul class="numbers">
            <Figure label="Open" count={found.open} more={found.open_more} href={listPath({ status: "open" })} />
            {found.stalled !== undefined && (
              <Figure
                label="Stalled"
                count={found.stalled}
                bad={found.stalled > 0}
                href={listPath({ status: "open" })}
                advice="their checks are overdue: see the alarms"
              />
            )}
            <Figure
              label="Failed in 24 hours"
              count={found.failed}
              more={found.failed_more}
              bad={found.failed > 0}
              href={listPath({ status: "failed" })}
            />
            {found.quarantined !== undefined && (
              <Figure
                label="In quarantine"
                count={found.quarantined}
                bad={found.quarantined > 0}
                href="/support/quarantine"
              />
            )}
          </ul>
          <section class="card">
            <h2>Failed in the last 24 hours, by cause</h2>
            {found.failed_by_cause.length === 0 ? (
              <EmptyState icon="check" title="Nothing has failed" />
            ) : (
              <ul class="causes">
                {[...found.failed_by_cause]
                  .sort((a, b) => b.count - a.count)
                  .map((one) => (
                    <li key={one.name}>
                      <span>
                        <a href={listPath({ status: "failed", cause: one.name })}>{causeLabel(one.name)}</a>{" "}
                        <GuideLink cause={one.name} />
                      </span>
                      <meter
                        min={0}
                        max={Math.max(found.failed, 1)}
                        value={one.count}
                        aria-label={`${causeLabel(one.name)}: share of the failed`}
                      />
                      <span class="figure">{formatNumber(one.count)}</span>
                      {app.may("manage-plans") && (
                        <button type="button" class="quiet" onClick={() => setPlanning(one.name)}>
                          Plan a retry…
                        </button>
                      )}
                    </li>
                  ))}
              </ul>
            )}
          </section>
          <Recent />
        </>
      )}
      {planning !== undefined && <NewPlanDialog cause={planning} onClose={() => setPlanning(undefined)} />}
    </>
  );
}

/** The newest plans. */
function Recent(): JSX.Element | null {
  const { client } = useAppContext();
  const [plans] = useAsync("", () => client.plans());
  const recent = plans.value?.plans.slice(0, 3) ?? [];
  if (recent.length === 0) return null;
  return (
    <section aria-labelledby="recent-title">
      <h2 id="recent-title" class="section-title">
        Latest retry plans
      </h2>
      <PlanRows plans={recent} />
    </section>
  );
}

function Figure({
  label,
  count,
  more,
  bad,
  href,
  advice,
}: {
  label: string;
  count: number;
  more?: boolean;
  bad?: boolean;
  href: string;
  advice?: string;
}): JSX.Element {
  return (
    <li class={bad ? "bad" : ""}>
      <a href={href}>
        <span class="figure">
          {formatNumber(count)}
          {more && "+"}
        </span>
        <span>{label}</span>
        {bad && advice && (
          <span class="muted small">
            <Icon name="alert" /> {advice}
          </span>
        )}
      </a>
    </li>
  );
}
