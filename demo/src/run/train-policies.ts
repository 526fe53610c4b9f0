import { join } from 'node:path';
import { train } from 'espalier';
import { watchEventLoop, type EventLoopDelay } from './event-loop-delay.ts';
import type { DemoOptions } from './options.ts';

export interface TrainedPolicy {
  readonly name: string;
  readonly path: string;
  readonly rows: number;
  readonly steps: number;
  readonly seconds: number;
  /** Mean loss of a target token on held-out rows, before and after the training. */
  readonly lossBefore: number;
  readonly lossAfter: number;
}

/** A policy of the demo: its training rows and the path of its adapter. */
interface Policy {
  readonly name: string;
  readonly data: string;
  readonly path: string;
  /** The adapter whose training is continued. */
  readonly from?: string;
}

export interface TrainedPolicies {
  readonly policies: readonly TrainedPolicy[];
  readonly eventLoopDelay: EventLoopDelay;
}

/**
 * Trains `risk-strict` and `risk-lenient`, and a better second version of `risk-strict`. The second version is not served yet. It is
 * written to `versions`, and can replace the first from there.
 */
export async function trainPolicies(
  folder: string,
  options: DemoOptions,
  tell: (line: string) => void,
): Promise<TrainedPolicies> {
  const strict = join(folder, 'risk-strict');
  const list: Policy[] = [
    { name: 'risk-strict', data: 'risk-strict', path: strict },
    { name: 'risk-lenient', data: 'risk-lenient', path: join(folder, 'risk-lenient') },
    {
      name: 'risk-strict, version 2',
      data: 'risk-strict-v2',
      path: join(folder, 'versions', 'risk-strict-2'),
      from: strict,
    },
  ];
  const stopWatching = watchEventLoop();
  const policies: TrainedPolicy[] = [];
  for (const policy of list) {
    const trained = await trainPolicy(policy, options);
    policies.push(trained);
    const { name, steps, seconds, lossBefore, lossAfter } = trained;
    tell(
      `  ${name.padEnd(24)} ${steps} steps in ${seconds.toFixed(1)} s, held-out loss ${lossBefore.toFixed(3)} → ${lossAfter.toFixed(3)}`,
    );
  }
  return { policies, eventLoopDelay: stopWatching() };
}

async function trainPolicy({ name, data, path, from }: Policy, options: DemoOptions): Promise<TrainedPolicy> {
  const result = await train(
    {
      base: options.base,
      data: join(options.data, `${data}.train.jsonl`),
      evalData: join(options.data, `${data}.eval.jsonl`),
      output: path,
      epochs: options.epochs,
      batchSize: 16,
      learningRate: 3e-3,
      schedule: 'cosine',
      warmupSteps: 5,
      ...(from === undefined ? { rank: 8, alpha: 16 } : { initAdapter: from }),
    },
    { threads: options.threads },
  );
  return {
    name,
    path,
    rows: result.plan.data.rows,
    steps: result.steps,
    seconds: result.seconds,
    lossBefore: result.evalLossBefore ?? Number.NaN,
    lossAfter: result.evalLossAfter ?? Number.NaN,
  };
}
