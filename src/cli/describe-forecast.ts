import type { MemoryForecast, TrainForecast } from '../train/index.ts';
import { describePlan } from './describe-training.ts';

/** The parts of the memory, and what they are called. */
const parts: readonly (readonly [keyof MemoryForecast, string])[] = [
  ['process', 'the process as it is now'],
  ['weights', 'weights of the base'],
  ['activations', 'intermediate results of the largest micro-batch'],
  ['parameters', 'trained weights and gradients'],
  ['optimizer', 'optimizer'],
  ['evaluation', 'evaluation'],
];

/** Describes what a training would do, as text for a person. */
export function describeForecast({ plan, ...rest }: TrainForecast): string {
  return [describePlan(plan), describeMemory(rest)].join('\n');
}

/** The tokens of a training or of several, and the memory at their peak. */
export function describeMemory({ tokens, largestBatch, memory }: Omit<TrainForecast, 'plan'>): string {
  const lines = parts
    .filter(([name]) => memory[name] > 0)
    .map(([name, text]) => `           ${megabytes(memory[name]).padStart(8)}  ${text}`);
  const unknown =
    memory.unknown === 0
      ? []
      : [`           at least: the graph does not tell the size of ${memory.unknown} intermediate results`];
  return [
    `tokens     ${tokens.toLocaleString('en-US')} in all, up to ${largestBatch.toLocaleString('en-US')} in a micro-batch`,
    `memory     ${megabytes(memory.peak)} at the peak:`,
    ...lines,
    ...unknown,
  ].join('\n');
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`;
}
