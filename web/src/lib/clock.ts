/**
 * The service's time, as well as the page can know it. A reader's clock may be wrong by minutes; waiting times and the
 * end of a sign-in are told in the service's time, so the difference is taken from what the service says now and then.
 */

/** Below it the difference is the network's, not the clock's. In milliseconds. */
const TOLERANCE_MS = 5000;

let offset = 0;

export function now(): number {
  return Date.now() + offset;
}

/** What the service's clock showed just now. */
export function setServiceTime(at: number): void {
  const difference = at - Date.now();
  offset = Math.abs(difference) > TOLERANCE_MS ? difference : 0;
}

/** How much the reader's clock is behind, to be kept with a sign-in. In milliseconds. */
export function clockOffsetMs(): number {
  return offset;
}

type Tick = () => void;
const ticks = new Set<Tick>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Calls back every second while there is anybody who wants it, and the page is seen. */
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
