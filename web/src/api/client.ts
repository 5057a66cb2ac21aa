/** The HTTP API: one method a request, answers as types, refusals as {@link Refused}, silence as {@link Unreached}. */

import type { Session } from "../auth/session";
import { Unreachable } from "../auth/cognito";
import { backoff, pause } from "../lib/backoff";
import type * as t from "./types";

/** The service answered, and the answer was no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    /** The last word of the problem's type, such as `changed`; empty if the answer was not the service's own. */
    readonly word: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** No answer came. Whether the request was carried out is not known. */
export class Unreached extends Error {
  constructor() {
    super("Docket was not reached. Check the connection, then try again.");
  }
}

/** How often a reading request is repeated by itself. */
const TRIES = 3;
/** A request without an answer for so long has failed. In milliseconds; API Gateway gives up after 30 s. */
const ANSWER_MS = 35_000;

export class Client {
  constructor(
    private readonly base: string,
    private readonly session: Session,
  ) {}

  me = (): Promise<t.Me> => this.get("/me");
  summary = (tenant?: string): Promise<t.Summary> => this.get("/summary", { tenant });
  jobs = (query: t.JobQuery): Promise<t.JobPage> => this.get("/jobs", { ...query });
  job = (id: string): Promise<t.JobDetail> => this.get(`/jobs/${segment(id)}`);
  result = (id: string): Promise<t.ResultView> => this.get(`/jobs/${segment(id)}/result`);
  retry = (id: string, order: t.JobOrder): Promise<t.JobAnswer> =>
    this.send("POST", `/jobs/${segment(id)}/retry`, order);
  cancel = (id: string, order: t.JobOrder): Promise<t.JobAnswer> =>
    this.send("POST", `/jobs/${segment(id)}/cancel`, order);
  deleteData = (id: string, order: t.JobOrder): Promise<t.JobAnswer> =>
    this.send("DELETE", `/jobs/${segment(id)}/data`, order);
  newUpload = (upload: t.NewUpload): Promise<t.UploadView> => this.send("POST", "/uploads", upload);
  upload = (id: string): Promise<t.UploadView> => this.get(`/uploads/${segment(id)}`);
  parts = (id: string, numbers: number[]): Promise<t.SignedParts> =>
    this.send("POST", `/uploads/${segment(id)}/parts`, { numbers });
  complete = (id: string): Promise<t.UploadView> => this.send("POST", `/uploads/${segment(id)}/complete`, {});
  dropUpload = (id: string): Promise<void> => this.send("DELETE", `/uploads/${segment(id)}`);
  ticket = (tenant?: string): Promise<t.TicketView> =>
    this.send("POST", "/ws-tickets", tenant === undefined ? {} : { tenant });
  plans = (): Promise<{ plans: t.PlanView[] }> => this.get("/retry-plans");
  plan = (id: string): Promise<t.PlanView> => this.get(`/retry-plans/${segment(id)}`);
  newPlan = (plan: t.NewPlan): Promise<t.PlanView> => this.send("POST", "/retry-plans", plan);
  applyPlan = (id: string): Promise<t.PlanView> => this.send("POST", `/retry-plans/${segment(id)}/apply`, {});
  quarantine = (cursor?: string): Promise<t.QuarantinePage> => this.get("/quarantine", { cursor });
  quarantined = (id: string): Promise<t.QuarantineEntry> => this.get(`/quarantine/${segment(id)}`);
  replay = (id: string, reason: string): Promise<t.QuarantineEntry> =>
    this.send("POST", `/quarantine/${segment(id)}/replay`, { reason });
  discard = (id: string, reason: string): Promise<void> =>
    this.send("POST", `/quarantine/${segment(id)}/discard`, { reason });
  audit = (cursor?: string): Promise<t.AuditPage> => this.get("/audit", { cursor });

  /** Reading again does no harm, so a bad moment is waited out. */
  private async get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.request<T>("GET", search ? `${path}?${search}` : path);
      } catch (error) {
        const passing =
          error instanceof Unreached || (error instanceof Refused && (error.status === 429 || error.status >= 502));
        if (!passing || tries >= TRIES) throw error;
        await pause(300 + backoff(tries, 500, 4000));
      }
    }
  }

  /** An order is sent once: whether to send it again is for the person, who sees what became of it. */
  private send<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.request<T>(method, path, body);
  }

  private async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    for (let again = true; ; again = false) {
      const token = await this.session.token().catch((error: unknown) => {
        throw error instanceof Unreachable ? new Unreached() : error;
      });
      let response: Response;
      try {
        response = await fetch(this.base + path, {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          credentials: "omit",
          cache: "no-store",
          signal: AbortSignal.timeout(ANSWER_MS),
        });
      } catch {
        throw new Unreached();
      }
      if (response.status === 401 && again) {
        await this.session.refused(token).catch(() => {
          throw new Unreached();
        });
        continue;
      }
      const text = await response.text().catch(() => {
        throw new Unreached();
      });
      if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
      throw refusal(response.status, text);
    }
  }
}

function segment(id: string): string {
  return encodeURIComponent(id);
}

export function refusal(status: number, text: string): Refused {
  try {
    const problem = JSON.parse(text) as Partial<t.Problem>;
    if (typeof problem.detail === "string" && typeof problem.type === "string") {
      return new Refused(status, problem.type.split(":").pop() ?? "", problem.detail);
    }
  } catch {
    // Not JSON: API Gateway's own, or a proxy's.
  }
  if (status === 429)
    return new Refused(status, "", "Docket is asked too much at the moment. Try again in a few seconds.");
  if (status >= 500) return new Refused(status, "", `Docket has a problem (${status}). Try again in a minute.`);
  return new Refused(status, "", `The request was refused (${status}).`);
}

/** What to tell a person about any failure. */
export function wordsFor(error: unknown): string {
  if (error instanceof Refused) return sentence(error.detail);
  return error instanceof Error ? sentence(error.message) : "Something went wrong.";
}

function sentence(text: string): string {
  const trimmed = text.trim();
  const start = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}
