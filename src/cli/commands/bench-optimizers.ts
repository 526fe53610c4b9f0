import { z } from 'zod';
import { formatBytes } from '../../atomic-files/index.ts';
import { openChosenEnvironment } from '../../execution/index.ts';
import {
  type ComparedOptimizer,
  compareOptimizers,
  type OptimizerComparison,
  type OptimizerFigures,
  optimizerNames,
  resolveConfig,
} from '../../train/index.ts';
import type { CommandDefinition } from '../command.ts';
import { inColumns } from '../in-columns.ts';
import { path, positiveInteger, positiveNumber, readOptions, wholeNumber } from '../read-options.ts';

/** With these each learns an adapter on the base of the demo well (LOG.md). */
const defaultRates = 'adamw=2e-3,lion=2e-3,sgd=0.3';
/** Without momentum SGD has no state, and hardly learns an adapter. */
const sgdMomentum = 0.9;

const rates = z.string().transform((text, context): ComparedOptimizer[] => {
  const read = text.split(',').map((word) => {
    const [name = '', rate = '', ...more] = word.split('=');
    const known = optimizerNames.find((each) => each === name.trim());
    const learningRate = Number(rate);
    if (known === undefined || !(learningRate > 0) || more.length > 0) return undefined;
    return { name: known, learningRate, ...(known === 'sgd' && { momentum: sgdMomentum }) };
  });
  const sound = read.filter((each) => each !== undefined);
  if (sound.length === read.length) return sound;
  const message = `learning rates of ${optimizerNames.join(', ')}, such as ${defaultRates}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const schema = z.object({
  base: path,
  data: z.array(path).min(1),
  rates: rates.default(() => rates.parse(defaultRates)),
  rank: positiveInteger.default(8),
  batchSize: positiveInteger.default(32),
  steps: positiveInteger.default(60),
  targetLoss: positiveNumber.optional(),
  maxLength: positiveInteger.optional(),
  seed: wholeNumber.default(0),
});

export const benchOptimizersCommand: CommandDefinition = {
  name: 'bench optimizers',
  summary: 'Compares optimizers: the memory that each adds, and the steps to the same loss.',
  examples: [
    'espalier bench optimizers --base models/tiny --data rows.jsonl',
    'espalier bench optimizers --base models/tiny --data rows.jsonl --rates adamw=2e-4,lion=1e-4,lion=2e-4 --json',
  ],
  configure: (command) =>
    void command
      .option('--base <dir>', 'the model: a Hugging Face folder, an ONNX file or folder, or hf:org/name')
      .option('--data <paths...>', 'rows to train on')
      .option('--rates <list>', `the optimizers with their learning rates (default: ${defaultRates})`)
      .option('--rank <n>', 'rank of the adapter (default: 8)')
      .option('--batch-size <n>', 'rows in a step (default: 32)')
      .option('--steps <n>', 'steps of the first one; the others may take three times as many (default: 60)')
      .option('--target-loss <x>', 'the mean loss of five steps to reach (default: where the first one ends)')
      .option('--max-length <n>', 'tokens of a row')
      .option('--seed <n>', 'fixes initial weights and order (default: 0)'),
  run: async (options, { output, threads, spinUs, provider, deviceMemory, signal }) => {
    const { rates: optimizers, steps, targetLoss, ...settings } = readOptions(schema, options);
    const config = resolveConfig({ flags: { ...settings, output: 'nowhere' } });
    using environment = await openChosenEnvironment({ threads, spinUs, provider, deviceMemory });
    const every = Math.max(1, Math.round(steps / 6));
    const comparison = await compareOptimizers(config, {
      environment,
      optimizers,
      steps,
      targetLoss,
      signal,
      onStep: ({ name }, step, loss) => {
        if (step % every === 0) output.note(`${name}: step ${step}, loss ${loss.toFixed(4)}`);
      },
    });
    output.answer(comparison, () => describe(comparison));
  },
};

function describe({ targetLoss, optimizers }: OptimizerComparison): string {
  const [first] = optimizers;
  const header = ['optimizer', 'rate', 'state', 'of the rest', 'steps', 'of the first', 'last loss', 's/step'];
  const rows = [header, ...optimizers.map((each) => rowOf(each, first?.steps))];
  return [`steps until the mean loss of five is at most ${targetLoss.toFixed(4)}`, inColumns(rows)].join('\n');
}

function rowOf(figures: OptimizerFigures, firstSteps: number | undefined): string[] {
  const { name, learningRate, stateBytes, otherBytes, steps, lastLoss, secondsPerStep } = figures;
  return [
    name,
    String(learningRate),
    formatBytes(stateBytes),
    `+${((100 * stateBytes) / otherBytes).toFixed(2)} %`,
    steps === undefined ? 'not reached' : String(steps),
    steps === undefined || firstSteps === undefined ? '-' : (steps / firstSteps).toFixed(2),
    lastLoss.toFixed(4),
    secondsPerStep.toFixed(3),
  ];
}
