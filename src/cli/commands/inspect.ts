import { z } from 'zod';
import { memoryPlans } from '../../batching/index.ts';
import { collect } from '../base-options.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { openChosenEnvironment } from '../../execution/index.ts';
import { openEnvironment } from '../../onnxruntime/index.ts';
import { EspalierError } from '../../core/index.ts';
import { isHubReference } from '../../hub/index.ts';
import { inspectHub } from '../inspect-hub.ts';
import { resolveHubOptions } from '../resolve-hub.ts';
import { inspectGraphs } from '../inspect-graphs.ts';
import { inspectKernels } from '../inspect-kernels.ts';
import { inspectMemory } from '../inspect-memory.ts';
import { inspectPath, type Inspection } from '../inspect-path.ts';
import { inspectProviders } from '../inspect-providers.ts';
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
  providers: z.boolean().default(false),
  graph: z.boolean().default(false),
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
    'espalier inspect --providers',
    'espalier inspect models/tiny --graph --provider webgpu',
    'espalier inspect models/digits.onnx --memory-plan two-level --batch 16',
  ],
  keepsHubNames: true,
  configure: (command) =>
    void command
      .argument('[path]', 'a folder or a file, or hf:org/name')
      .option('--kernels', 'show how fast this machine multiplies by each kind of weights; measured once')
      .option('--providers', 'show the execution providers, their devices, and why one cannot be used')
      .option('--graph', 'show which nodes of a model run on the CPU where the rest runs on --provider')
      .option(
        '--memory-plan <plan>',
        `show how the buffers of a served ONNX file are placed: ${memoryPlans.join(', ')}`,
      )
      .option('--batch <n>', 'rows of the batch that a memory plan is shown for', '64')
      .option('--dim <name=size>', 'size of another open dimension; may be repeated', collect),
  run: async (options, context) => {
    const { answer, text } = await inspect(readOptions(inspectOptions, options), context);
    context.output.answer(answer, () => text);
  },
};

type InspectOptions = z.output<typeof inspectOptions>;

async function inspect(
  { path: given, kernels, providers, graph, memoryPlan: plan, batch, dim }: InspectOptions,
  context: CommandContext,
): Promise<Inspection> {
  const asked = [given !== undefined && 'a path', kernels && '--kernels', providers && '--providers'].filter(Boolean);
  if (asked.length !== 1) {
    const actual = asked.length === 0 ? 'none of them' : asked.join(' and ');
    throw new EspalierError('CLI_CONFLICT', { expected: 'a path, --kernels or --providers', actual });
  }
  const { threads } = context;
  if (providers) return inspectProviders(threads);
  if (given === undefined) {
    using environment = openEnvironment({ threads });
    return await inspectKernels(environment);
  }
  if (plan === undefined && !graph && isHubReference(given)) return inspectHub(given, context);
  const { path: resolved = given } = await resolveHubOptions({ path: given }, context);
  const place = String(resolved);
  if (graph) {
    using environment = await openChosenEnvironment(context);
    return await inspectGraphs(place, environment);
  }
  return plan === undefined ? inspectPath(place) : inspectMemory(place, { plan, batch, dims: dim });
}
