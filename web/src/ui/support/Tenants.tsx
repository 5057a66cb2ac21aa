/** The known tenants. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { TenantView } from "../../api/types";
import { EmptyState, ErrorMessage, Heading, Loading, Time } from "../components";
import { useAppContext } from "../context";
import { ReasonDialog } from "../Dialog";
import { useAsync } from "../hooks";

export function Tenants(): JSX.Element {
  const app = useAppContext();
  const { client } = app;
  const mayCreate = app.may("create-tenants");
  const [list, reload] = useAsync("", () => client.tenants());
  const [creating, setCreating] = useState<string>();
  const mayChange = app.may("change-tenants");
  const [changing, setChanging] = useState<TenantView>();
  const tenants = list.value?.tenants;
  return (
    <>
      <div class="screen-head">
        <Heading>Tenants</Heading>
        {mayCreate && (
          <button type="button" class="primary" onClick={() => setCreating("")}>
            New tenant…
          </button>
        )}
      </div>
      {list.state === "failed" && <ErrorMessage error={list.error} onRetry={reload} />}
      {tenants === undefined && list.state !== "failed" && <Loading what="Loading the tenants…" />}
      {tenants?.length === 0 && <EmptyState icon="inbox" title="No tenants yet" />}
      {tenants !== undefined && tenants.length > 0 && (
        <section class="card scroll-x" tabIndex={0} aria-label="Tenants">
          <table class="stacks">
            <thead>
              <tr>
                <th>Name</th>
                <th>Since</th>
                <th>Data is deleted</th>
                <th>Created by</th>
              </tr>
            </thead>
            <tbody>
              {tenants.map((tenant) => (
                <tr key={tenant.name}>
                  <td>{tenant.name}</td>
                  <td class="nowrap">
                    <Time at={tenant.since} />
                  </td>
                  <td>
                    {retentionInWords(tenant)}{" "}
                    {mayChange && (
                      <button
                        type="button"
                        class="link"
                        aria-label={`Change the retention of ${tenant.name}`}
                        onClick={() => setChanging(tenant)}
                      >
                        Change…
                      </button>
                    )}
                  </td>
                  <td>
                    {tenant.created_by === undefined ? (
                      <>
                        <span class="late">Not created: documents arrived in S3 under this name.</span>{" "}
                        {mayCreate && (
                          <button type="button" class="link" onClick={() => setCreating(tenant.name)}>
                            Create it…
                          </button>
                        )}
                      </>
                    ) : (
                      <bdi>{tenant.created_by}</bdi>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {changing !== undefined && (
        <Retention tenant={changing} onChanged={reload} onClose={() => setChanging(undefined)} />
      )}
      {creating !== undefined && (
        <NewTenant suggested={creating} onCreated={reload} onClose={() => setCreating(undefined)} />
      )}
    </>
  );
}

function retentionInWords(tenant: TenantView): string {
  const days = tenant.retention_days;
  if (days === undefined) return "as the pipelines say";
  return days === 1 ? "a day after a job's end" : `${days} days after a job's end`;
}

function Retention({
  tenant,
  onChanged,
  onClose,
}: {
  tenant: TenantView;
  onChanged: () => void;
  onClose: () => void;
}): JSX.Element {
  const { client } = useAppContext();
  const [days, setDays] = useState(tenant.retention_days?.toString() ?? "");
  return (
    <ReasonDialog
      title={`Retention of ${tenant.name}`}
      action="Save"
      placeholder="For the audit log"
      onSubmit={async (reason) => {
        const changed = days === "" ? {} : { days: Number(days) };
        await client.changeRetention(tenant.name, { ...changed, reason });
        onChanged();
      }}
      onClose={onClose}
    >
      <p class="muted">
        Documents, results and names are deleted for good so many days after a job's end, also of jobs that have ended.
        It begins at the first midnight UTC that is a day away or more; until then it can be taken back.
      </p>
      <label>
        Days, or nothing to keep data as the pipelines say
        <input type="number" min={1} max={3650} value={days} onInput={(event) => setDays(event.currentTarget.value)} />
      </label>
    </ReasonDialog>
  );
}

function NewTenant({
  suggested,
  onCreated,
  onClose,
}: {
  suggested: string;
  onCreated: () => void;
  onClose: () => void;
}): JSX.Element {
  const { client } = useAppContext();
  const [name, setName] = useState(suggested);
  return (
    <ReasonDialog
      title="New tenant"
      action="Create tenant"
      placeholder="For the audit log"
      onSubmit={async (reason) => {
        await client.createTenant(name.trim(), reason);
        onCreated();
      }}
      onClose={onClose}
    >
      <p class="muted">Documents can then be uploaded to it. Its people see them as members of its group.</p>
      <label>
        Name
        <input
          required
          pattern="[a-z0-9\-]{1,40}"
          title="1 to 40 characters of a-z, 0-9 and -"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
    </ReasonDialog>
  );
}
