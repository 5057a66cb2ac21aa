/** How requests fail, and what to tell people about it. */

import type { JobView, Problem } from "./types";

/** The service answered with an error status. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** The last part of the problem's type, such as `changed`. Empty if the answer is not one of the service's own. */
    readonly code: string,
    readonly detail: string,
    /** Of an upload: the jobs of the same content, newest first. */
    readonly identical: readonly JobView[] = [],
  ) {
    super(detail);
  }

  /** Whether the same request may succeed in a moment: throttled, or a gateway error. */
  get isTransient(): boolean {
    return this.status === 429 || this.status >= 502;
  }
}

/** No answer arrived. Whether the service carried out the request is not known. */
export class NetworkError extends Error {
  constructor() {
    super("Docket cannot be reached. Check your connection, then try again.");
  }
}

export function parseError(status: number, text: string): ApiError {
  try {
    const problem = JSON.parse(text) as Partial<Problem>;
    if (typeof problem.detail === "string" && typeof problem.type === "string") {
      return new ApiError(status, problem.type.split(":").pop() ?? "", problem.detail, problem.identical);
    }
  } catch {
    // Not JSON: the answer of API Gateway or a proxy.
  }
  if (status === 429) return new ApiError(status, "", "Docket is busy. Try again in a few seconds.");
  if (status >= 500) return new ApiError(status, "", `Docket has a problem (${status}). Try again in a minute.`);
  return new ApiError(status, "", `Docket refused the request (${status}).`);
}

/** The message to show for any error. */
export function errorMessage(error: unknown): string {
  if (error instanceof ApiError) return sentence(error.detail);
  return error instanceof Error ? sentence(error.message) : "Something went wrong.";
}

function sentence(text: string): string {
  const trimmed = text.trim();
  // An address stays as it is.
  const start = /^\S+@/.test(trimmed) ? trimmed : trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(start) ? start : `${start}.`;
}
