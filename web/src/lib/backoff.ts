/**
 * How long to wait before the nth try, from 0: full jitter, so that a thousand pages that lost the same server do not
 * come back in the same second. (AWS Architecture Blog, "Exponential Backoff And Jitter".)
 */
export function backoff(attempt: number, base: number, max: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(max, base * 2 ** Math.min(attempt, 30)));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
