/**
 * The delay before a retry in milliseconds: exponential with full jitter, so that pages that lost the same server do not
 * all reconnect in the same second (AWS Architecture Blog, "Exponential Backoff And Jitter"). `attempt` starts at 0.
 */
export function backoff(attempt: number, base: number, max: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(max, base * 2 ** Math.min(attempt, 30)));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
