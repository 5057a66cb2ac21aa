/**
 * The service's time. A browser's clock may be wrong by minutes, but waiting times and token expiry are in the service's
 * time, so the page keeps the difference, which it learns from each ID token.
 */

/** A smaller difference is network delay, not a wrong clock. */
const TOLERANCE_MS = 5000;

let offset = 0;

export function now(): number {
  return Date.now() + offset;
}

/** Sets the offset from what the service's clock shows now. */
export function setServiceTime(at: number): void {
  const difference = at - Date.now();
  offset = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

/** How far the browser's clock is behind the service's. */
export function clockOffsetMs(): number {
  return offset;
}

/**
 * Measures elapsed time. Neither of a browser's clocks is enough: a person may set `Date.now` back, and
 * `performance.now` may stand still while the machine sleeps. The larger difference of the two is taken.
 */
export class Stopwatch {
  private monotonic = performance.now();
  private wall = Date.now();

  restart(): void {
    this.monotonic = performance.now();
    this.wall = Date.now();
  }

  get elapsedMs(): number {
    return Math.max(performance.now() - this.monotonic, Date.now() - this.wall);
  }
}

type Tick = () => void;
const ticks = new Set<Tick>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Calls back every second while the page is visible, until the returned function is called. */
export function everySecond(tick: Tick): () => void {
  ticks.add(tick);
  timer ??= setInterval(() => {
    if (!document.hidden) for (const each of [...ticks]) each();
  }, 1000);
  return () => {
    ticks.delete(tick);
    if (ticks.size === 0 && timer !== undefined) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}
