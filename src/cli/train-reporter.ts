import type { TrainEvent } from '../train/index.ts';
import type { Output } from './output.ts';
import { createProgress, type Progress } from './progress.ts';

/** Shows a training while it goes on: a bar where a person watches, and nothing elsewhere. */
export interface TrainReporter extends Disposable {
  tell(event: TrainEvent): void;
}

const format = '{bar} {value}/{total} | loss {loss} | {speed} tokens/s | held-out {held} | {eta_formatted} left';

export function trainReporter(output: Output): TrainReporter {
  let bar: Progress | undefined;
  let held = '-';
  return {
    tell: (event) => {
      if (event.kind === 'evaluated') held = event.loss.toFixed(4);
      if (event.kind !== 'stepped') return;
      const { metrics, steps } = event;
      bar ??= createProgress(output, { total: steps, format });
      bar.update(metrics.step, {
        loss: metrics.loss.toFixed(4),
        speed: metrics.tokensPerSecond.toFixed(metrics.tokensPerSecond < 100 ? 1 : 0),
        held,
      });
    },
    [Symbol.dispose]: () => {
      bar?.[Symbol.dispose]();
      bar = undefined;
    },
  };
}
