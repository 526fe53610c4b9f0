import { z } from 'zod';
import { memoryPlans } from '../../batching/index.ts';
import { collect } from '../base-options.ts';
import type { CommandDefinition } from '../command.ts';
import { openEnvironment } from '../../onnxruntime/index.ts';
import { EspalierError } from '../../core/index.ts';
import { isHubReference } from '../../hub/index.ts';
import { inspectHub } from '../inspect-hub.ts';
import { resolveHubOptions } from '../resolve-hub.ts';
import { inspectKernels } from '../inspect-kernels.ts';
import { inspectMemory } from '../inspect-memory.ts';
import { inspectPath } from '../inspect-path.ts';
import { path, positiveInteger, readOptions } from '../read-options.ts';

const dims = z.array(z.string().regex(/^[^=]+=\d+$/, { error: 'name=size, such as seq=128' })).transform((specs) =>
  Object.fromEntries(
    specs.map((spec) => {
      const at = spec.lastIndexOf('=');
      return [spec.slice(0, at), Number(spec.slice(at + 1))];
    }),
  ),
);

const inspectOptions = z.object({
  path: path.optional(),
  kernels: z.boolean().default(false),
  memoryPlan: z.enum(memoryPlans, { error: memoryPlans.join(', ') }).optional(),
  batch: positiveInteger.default(64),
  dim: dims.default({}),
});

export const inspectCommand: CommandDefinition = {
  name: 'inspect',
  summary:
    'Shows what lies at a path: a model, an adapter, a safetensors file or an ONNX graph; or whether a model of the hub can be used.',
  examples: [
    'espalier inspect models/tiny',
    'espalier inspect adapters/strict --json',
    'espalier inspect models/tiny/model.onnx',
    'espalier inspect hf:Qwen/Qwen3-0.6B',
    'espalier inspect --kernels',
    'espalier inspect models/digits.onnx --memory-plan two-level --batch 16',
  ],
  keepsHubNames: true,
  configure: (command) =>
    void command
      .argument('[path]', 'a folder or a file, or hf:org/name')
      .option('--kernels', 'show how fast this machine multiplies by each kind of weights; measured once')
      .option(
        '--memory-plan <plan>',
        `show how the buffers of a served ONNX file are placed: ${memoryPlans.join(', ')}`,
      )
      .option('--batch <n>', 'rows of the batch that a memory plan is shown for', '64')
      .option('--dim <name=size>', 'size of another open dimension; may be repeated', collect),
  run: async (options, context) => {
    const { output, threads } = context;
    const { path: given, kernels, memoryPlan: plan, batch, dim } = readOptions(inspectOptions, options);
    if (kernels === (given !== undefined)) {
      throw new EspalierError('CLI_CONFLICT', {
        expected: 'a path or --kernels',
        actual: kernels ? 'both' : 'neither',
      });
    }
    if (given === undefined) {
      using environment = openEnvironment({ threads });
      const { answer, text } = await inspectKernels(environment);
      output.answer(answer, () => text);
      return;
    }
    if (plan === undefined && isHubReference(given)) {
      const { answer, text } = await inspectHub(given, context);
      output.answer(answer, () => text);
      return;
    }
    const { path: resolved = given } = await resolveHubOptions({ path: given }, context);
    const place = String(resolved);
    const inspection =
      plan === undefined ? await inspectPath(place) : await inspectMemory(place, { plan, batch, dims: dim });
    output.answer(inspection.answer, () => inspection.text);
  },
};
