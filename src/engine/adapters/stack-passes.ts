import type { Pass } from '../../ir/index.ts';
import { stackedLoraPass } from '../../lora/index.ts';
import type { AdapterStack } from './adapter-stack.ts';

/** The passes that let a runner's graph read the stacked adapters; none for a base that runs alone. */
export function stackPasses(stack: AdapterStack | undefined): readonly Pass[] {
  if (stack === undefined) return [];
  const paths = stack.modules.map(({ path }) => path);
  return [stackedLoraPass(paths, { gains: stack.hasGains, biases: stack.hasBiases, bytes: stack.bytePaths })];
}
