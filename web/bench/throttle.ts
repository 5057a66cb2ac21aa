/** API Gateway's limit for a route: a token bucket (developer guide, "Throttle requests to your HTTP APIs"). */

/** `HttpApiStage` in infra/service.yaml. */
const RATE_PER_SECOND = 100;
const BURST = 200;

export class Throttle {
  constructor(
    private readonly rate = RATE_PER_SECOND,
    private readonly burst = BURST,
  ) {}

  /** How many of the requests at these times, in milliseconds and in order, are refused. */
  refused(times: readonly number[]): number {
    let tokens = this.burst;
    let last = times[0] ?? 0;
    let refused = 0;
    for (const at of times) {
      tokens = Math.min(this.burst, tokens + ((at - last) / 1000) * this.rate);
      last = at;
      if (tokens >= 1) tokens -= 1;
      else refused += 1;
    }
    return refused;
  }
}
