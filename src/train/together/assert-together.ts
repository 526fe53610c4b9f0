import { resolve } from 'node:path';
import { EspalierError, option, optionText } from '../../core/index.ts';
import type { Objective } from '../graph/objective.ts';
import type { NamedRun } from '../config/resolve-runs.ts';

/** Settings of the passes, which all runs of a company share. */
const shared = ['base', 'recompute', 'logitRows', 'pack', 'exactProducts'] as const;
/** What belongs to one run. */
const own = ['output', 'report', 'tensorboard'] as const;

/**
 * Refuses runs that cannot be trained together.
 * @throws EspalierError TRAIN_CONFIG_CONFLICT, TRAIN_RUNS_REFUSED
 */
export function assertTogether(runs: readonly NamedRun[]): void {
  const [first] = runs;
  const problems: string[] = [];
  for (const key of shared) {
    const other = runs.find(({ config }) => config[key] !== first?.config[key]);
    if (other === undefined) continue;
    const values = `${first?.name} has ${String(first?.config[key])}, and ${other.name} has ${String(other.config[key])}`;
    problems.push(`All runs share ${key}: ${values}.`);
  }
  for (const key of own) {
    const names = new Map<string, string>();
    for (const { name, config } of runs) {
      const path = config[key] === undefined ? undefined : resolve(config[key]);
      const other = path === undefined ? undefined : names.get(path);
      if (other !== undefined) problems.push(`${other} and ${name} have the same ${key}, ${config[key]}.`);
      else if (path !== undefined) names.set(path, name);
    }
  }
  const twice = runs.find(({ name }, i) => runs.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) problems.push(`Two runs are called ${twice.name}.`);
  if (problems.length > 0) throw new EspalierError('TRAIN_RUNS_REFUSED', { problems });
  for (const { config } of runs) {
    if (config.full) conflict('full', 'a run of its own trains every weight');
    if (config.modulesToSave !== undefined) conflict('modulesToSave', 'all runs share the weights of the base');
    if (config.memoryLimit !== undefined)
      conflict('memoryLimit', 'the size of their passes is that of --max-pass-tokens');
    if (config.labels !== undefined) conflict('labels', 'all runs share the weights of the base');
  }
}

function conflict(key: 'full' | 'modulesToSave' | 'memoryLimit' | 'labels', reason: string): never {
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first: option(key), second: optionText('several runs'), reason });
}

/**
 * What all runs learn.
 * @throws EspalierError TRAIN_CONFIG_CONFLICT for rows with labels, which runs cannot share a pass for
 */
export function sharedObjective(inputs: readonly { readonly objective: Objective }[]): Objective {
  const other = inputs.find(({ objective }) => objective.kind !== 'next-token');
  if (other === undefined) return { kind: 'next-token' };
  const reason = 'only text can be learned by several at the same time';
  const [first, second] = ['several runs', `rows with ${other.objective.kind}`];
  throw new EspalierError('TRAIN_CONFIG_CONFLICT', { first, second, reason });
}
