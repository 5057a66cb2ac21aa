/** The client of the HTTP API. Paths, parameters, bodies and answers are checked against the OpenAPI document. */

import { SignInUnavailable } from "../auth/cognito";
import type { Session } from "../auth/session";
import { backoff, pause } from "../lib/backoff";
import { ApiError, NetworkError, parseError } from "./errors";
import type { paths } from "./openapi";
import type { JobCommandRequest, JobQuery, MarksChange } from "./types";

/** How many times a GET request is sent, the first included. */
const MAX_GET_ATTEMPTS = 3;
/** API Gateway gives up after 30 s. */
const REQUEST_TIMEOUT_MS = 35_000;

type Method = "get" | "post" | "delete";
type PathWith<M extends Method> = { [P in keyof paths]: paths[P] extends Record<M, object> ? P : never }[keyof paths];
type Operation<M extends Method, P extends keyof paths> = paths[P][M];

/** No path has more than one parameter: the id. */
type IdArgument<O> = O extends { parameters: { path: object } } ? { id: string } : { id?: never };
type QueryArgument<O> = O extends { parameters: { query?: infer Q extends object } }
  ? { [K in keyof Q]: Q[K] | undefined }
  : never;
type BodyArgument<O> = O extends { requestBody: { content: { "application/json": infer B } } }
  ? { body: B }
  : { body?: never };
type JsonContent<R> = R extends { content: { "application/json": infer J } } ? J : undefined;
type SuccessBody<O> = O extends { responses: infer R } ? JsonContent<R[keyof R & (200 | 201 | 202 | 204)]> : never;

export class Client {
  constructor(
    private readonly apiUrl: string,
    private readonly session: Session,
  ) {}

  me = () => this.get("/me", {});
  summary = (tenant?: string) => this.get("/summary", { query: { tenant } });
  jobs = (query: JobQuery) => this.get("/jobs", { query });
  job = (id: string) => this.get("/jobs/{job_id}", { id });
  result = (id: string, attempt?: number) => this.get("/jobs/{job_id}/result", { id, query: { attempt } });
  receipt = (id: string, attempt?: number) => this.get("/jobs/{job_id}/receipt", { id, query: { attempt } });
  document = (id: string) => this.get("/jobs/{job_id}/document", { id });
  retry = (id: string, body: JobCommandRequest) => this.send("post", "/jobs/{job_id}/retry", { id, body });
  runAgain = (id: string, body: JobCommandRequest) => this.send("post", "/jobs/{job_id}/run-again", { id, body });
  urgent = (id: string, body: JobCommandRequest) => this.send("post", "/jobs/{job_id}/urgent", { id, body });
  cancel = (id: string, body: JobCommandRequest) => this.send("post", "/jobs/{job_id}/cancel", { id, body });
  mark = (id: string, body: MarksChange) => this.send("post", "/jobs/{job_id}/marks", { id, body });
  deleteData = (id: string, body: JobCommandRequest) => this.send("post", "/jobs/{job_id}/data-deletion", { id, body });
  createUpload = (body: BodyArgument<paths["/uploads"]["post"]>["body"]) => this.send("post", "/uploads", { body });
  upload = (id: string) => this.get("/uploads/{job_id}", { id });
  signParts = (id: string, partNumbers: number[]) =>
    this.send("post", "/uploads/{job_id}/parts", { id, body: { part_numbers: partNumbers } });
  completeUpload = (id: string) => this.send("post", "/uploads/{job_id}/complete", { id });
  abortUpload = (id: string) => this.send("delete", "/uploads/{job_id}", { id });
  createTicket = (tenant?: string) =>
    this.send("post", "/ws-tickets", { body: tenant === undefined ? {} : { tenant } });
  plans = () => this.get("/retry-plans", {});
  plan = (id: string) => this.get("/retry-plans/{plan_id}", { id });
  planJobs = (id: string, page: number) => this.get("/retry-plans/{plan_id}/jobs", { id, query: { page } });
  createPlan = (body: BodyArgument<paths["/retry-plans"]["post"]>["body"]) =>
    this.send("post", "/retry-plans", { body });
  applyPlan = (id: string) => this.send("post", "/retry-plans/{plan_id}/apply", { id });
  stopPlan = (id: string) => this.send("post", "/retry-plans/{plan_id}/stop", { id });
  pauses = () => this.get("/pauses", {});
  quarantine = (cursor?: string) => this.get("/quarantine", { query: { cursor } });
  quarantineEntry = (id: string) => this.get("/quarantine/{entry_id}", { id });
  redrive = (id: string, reason: string) =>
    this.send("post", "/quarantine/{entry_id}/redrive", { id, body: { reason } });
  discard = (id: string, reason: string) =>
    this.send("post", "/quarantine/{entry_id}/discard", { id, body: { reason } });
  batch = (id: string, tenant?: string) => this.get("/batches/{batch}", { id, query: { tenant } });
  tenants = () => this.get("/tenants", {});
  changeRetention = (name: string, body: BodyArgument<paths["/tenants/{tenant}/retention"]["post"]>["body"]) =>
    this.send("post", "/tenants/{tenant}/retention", { id: name, body });
  createTenant = (name: string, reason: string) => this.send("post", "/tenants", { body: { name, reason } });
  webhooks = (tenant?: string) => this.get("/webhooks", { query: { tenant } });
  createWebhook = (body: BodyArgument<paths["/webhooks"]["post"]>["body"]) => this.send("post", "/webhooks", { body });
  changeWebhook = (id: string, body: BodyArgument<paths["/webhooks/{webhook_id}"]["post"]>["body"]) =>
    this.send("post", "/webhooks/{webhook_id}", { id, body });
  deleteWebhook = (id: string) => this.send("delete", "/webhooks/{webhook_id}", { id });
  rotateWebhookSecret = (id: string) => this.send("post", "/webhooks/{webhook_id}/secret", { id });
  testWebhook = (id: string) => this.send("post", "/webhooks/{webhook_id}/test", { id });
  redeliver = (id: string, body: BodyArgument<paths["/webhooks/{webhook_id}/redeliver"]["post"]>["body"]) =>
    this.send("post", "/webhooks/{webhook_id}/redeliver", { id, body });
  deliveries = (id: string) => this.get("/webhooks/{webhook_id}/deliveries", { id });
  digests = (tenant?: string) => this.get("/me/digests", { query: { tenant } });
  changeDigests = (body: BodyArgument<paths["/me/digests"]["post"]>["body"]) =>
    this.send("post", "/me/digests", { body });
  endSessions = () => this.send("delete", "/me/sessions", {});
  myData = (cursor?: string) => this.get("/me/data", { query: { cursor } });
  audit = (cursor?: string) => this.get("/audit", { query: { cursor } });
  exportAudit = (cursor?: string) => this.get("/audit", { query: { cursor, export: true } });

  /** Sends a GET request, and repeats it if the failure is likely to pass. */
  private async get<P extends PathWith<"get">>(
    path: P,
    { id, query }: IdArgument<Operation<"get", P>> & { query?: QueryArgument<Operation<"get", P>> },
  ): Promise<SuccessBody<Operation<"get", P>>> {
    const url = fill(path, id) + search(query ?? {});
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await this.request("GET", url)) as SuccessBody<Operation<"get", P>>;
      } catch (error) {
        const isTransient = error instanceof NetworkError || (error instanceof ApiError && error.isTransient);
        if (!isTransient || attempt >= MAX_GET_ATTEMPTS) throw error;
        await pause(300 + backoff(attempt, 500, 4000));
      }
    }
  }

  /** Sends a request that changes something, once. The person sees what became of it and decides about another try. */
  private async send<M extends "post" | "delete", P extends PathWith<M>>(
    method: M,
    path: P,
    { id, body }: IdArgument<Operation<M, P>> & BodyArgument<Operation<M, P>>,
  ): Promise<SuccessBody<Operation<M, P>>> {
    // A POST request without fields still has a JSON body.
    const json = body ?? (method === "post" ? {} : undefined);
    return (await this.request(method.toUpperCase(), fill(path, id), json)) as SuccessBody<Operation<M, P>>;
  }

  private async request(method: string, path: string, body?: unknown): Promise<unknown> {
    for (let isFirst = true; ; isFirst = false) {
      const token = await this.session.token().catch((error: unknown) => {
        throw error instanceof SignInUnavailable ? new NetworkError() : error;
      });
      let response: Response;
      try {
        response = await fetch(this.apiUrl + path, {
          method,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          credentials: "omit",
          cache: "no-store",
          signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        });
      } catch {
        throw new NetworkError();
      }
      if (response.status === 401 && isFirst) {
        await this.session.tokenRejected(token).catch(() => {
          throw new NetworkError();
        });
        continue;
      }
      const text = await response.text().catch(() => {
        throw new NetworkError();
      });
      if (response.ok) return text === "" ? undefined : JSON.parse(text);
      throw parseError(response.status, text);
    }
  }
}

/** Puts the id into the path's only parameter. */
function fill(path: string, id = ""): string {
  return path.replace(/\{\w+\}/, encodeURIComponent(id));
}

function search(query: object): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}
