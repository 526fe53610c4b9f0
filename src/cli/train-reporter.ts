import type { TrainEvent } from '../train/index.ts';
import type { Output } from './output.ts';
import { createProgress, type Progress } from './progress.ts';

/** Shows the progress of a training: a bar if standard error is a terminal, otherwise nothing. */
export interface TrainReporter extends Disposable {
  report(event: TrainEvent): void;
}

const format = '{bar} {value}/{total} | loss {loss} | {speed} tokens/s | held-out {held} | {eta_formatted} left';

export function trainReporter(output: Output): TrainReporter {
  let bar: Progress | undefined;
  let held = '-';
  return {
    report: (event) => {
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
