import { liveHandles } from '../../native/index.ts';

/** The last step of a test with a real runtime: every native handle must be gone. */
export function assertNothingAlive(): void {
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
}
