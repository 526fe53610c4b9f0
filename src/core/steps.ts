import { Pace } from './pace.ts';

/** Work as a generator that yields wherever other tasks may run. One function then serves callers that wait and callers that must not. */
export type Steps<Result> = Generator<void, Result, void>;

/** Does all of the work now. */
export function finishNow<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Does the work in slices, and lets other tasks run between them. */
export async function finishInSlices<Result>(steps: Steps<Result>): Promise<Result> {
  const pace = new Pace();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const turn = pace.step();
    if (turn) await turn;
  }
}
