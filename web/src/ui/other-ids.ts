/** Ids of things that are no contracts: retry plans and webhooks. A chunk of its own. */

import { ApiError } from "../api/errors";
import { webhooksPath } from "../lib/route";
import type { AppContext } from "./context";

export interface OtherMatch {
  href: string;
  text: string;
}

const PLAN_ID = /^p[0-9a-f]{16}$/;

/** What a person may see that has this id. */
export async function lookUp(app: AppContext, id: string): Promise<OtherMatch[]> {
  try {
    if (PLAN_ID.test(id)) {
      if (!app.may("read-plans")) return [];
      const plan = await app.client.plan(id);
      return [{ href: `/support/plans/${encodeURIComponent(id)}`, text: `Retry plan: ${plan.reason}` }];
    }
    if (!app.may("read-webhooks")) return [];
    const owner = id.slice(0, id.indexOf("."));
    const { webhooks } = await app.client.webhooks(owner);
    const of = owner === app.tenant ? "" : ` of ${owner}`;
    return webhooks
      .filter((one) => one.id === id)
      .map(({ url }) => ({ href: webhooksPath(owner), text: `Webhook${of}: ${url}` }));
  } catch (error) {
    // It is not there, or belongs to others.
    if (error instanceof ApiError && error.status < 500) return [];
    throw error;
  }
}
