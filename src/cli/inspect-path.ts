import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { readAdapter, readPeftConfig, reportAdapter } from '../adapter-files/index.ts';
import { inferShapes, loadModel, printModel, type AdaptableModule } from '../ir/index.ts';
import {
  basePath,
  findGguf,
  isGgufModel,
  fingerprintBase,
  fingerprintKey,
  hintAt,
  isOnnxPath,
  openBaseModel,
  openOnnxModel,
  parameterCount,
  readFingerprint,
  type BaseGraphs,
  type WeightRef,
} from '../models/index.ts';
import { openSafetensors, type SafetensorsEntry } from '../tensor/index.ts';
import { openTokenizer } from '../tokenizer/index.ts';
import { describeAdapter } from './describe-adapter.ts';

/** The description of a path, as data and as text for a person. */
export interface Inspection {
  readonly answer: Readonly<Record<string, unknown>> & { readonly kind: string };
  readonly text: string;
}

/**
 * Detects the format of a file or folder and describes it. It reads the headers of weights, not the weights.
 * @throws EspalierError FILE_NOT_FOUND, CLI_NOT_INSPECTABLE, and the errors of the detected format
 */
export async function inspectPath(path: string): Promise<Inspection> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file or folder', path }, { cause });
  });
  if (found.isDirectory()) {
    if (await exists(join(path, 'adapter_config.json'))) return inspectAdapter(path);
    if ((await exists(join(path, 'config.json'))) || (await isOnnxPath(path)) || (await findGguf(path)) !== undefined) {
      return inspectModel(path);
    }
  } else {
    if (path.endsWith('.safetensors')) return inspectSafetensors(path);
    if (path.endsWith('.onnx')) return inspectGraph(path);
    if (/\.gguf$/i.test(path) && (await isGgufModel(path))) return inspectModel(path);
    if (/\.(?:onnx_adapter|bin|gguf)$/.test(path)) return inspectAdapterFile(path);
  }
  throw new EspalierError('CLI_NOT_INSPECTABLE', { path, hint: await hintAt(path) });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function inspectModel(path: string): Promise<Inspection> {
  const base = await openBaseModel(path);
  const tokenizer = await openTokenizer(basePath(base));
  const weights = [...base.weights.values()];
  const answer = {
    kind: 'model',
    fingerprint: await fingerprintBase(base),
    config: base.config,
    parameters: countParameters(weights),
    dtypes: [...new Set(weights.map(storedType))],
    tokenizer: tokenizer && { vocabSize: tokenizer.vocabSize, chatTemplate: tokenizer.hasChatTemplate },
    modules: base.modules,
    generation: generationOf(base.graphs),
  };
  const kinds = [...new Set(base.modules.map((linear) => `${lastName(linear.path)} [${linear.out}, ${linear.in}]`))];
  const text = [
    table({
      ...answer.config,
      parameters: answer.parameters.toLocaleString('en-US'),
      dtypes: answer.dtypes.join(', '),
    }),
    `fingerprint        ${answer.fingerprint}`,
    ...(answer.generation === undefined ? [] : [`generation         ${answer.generation}`]),
    `tokenizer          ${tokenizer === undefined ? 'none: speaks token ids' : `${tokenizer.vocabSize} tokens`}`,
    `linear modules     ${kinds.join('\n                   ')}`,
  ];
  return { answer, text: text.join('\n') };
}

/** Describes how a base generates text, if it can. */
function generationOf({ decode, scoring }: BaseGraphs): string | undefined {
  if (decode) return 'keeps keys and values in place';
  return scoring && 'runs each row anew: exact, and slower';
}

async function inspectAdapter(path: string): Promise<Inspection> {
  const { config, baseName } = await readPeftConfig(path);
  const { entries, metadata } = await openSafetensors(join(path, 'adapter_model.safetensors'));
  const baseFingerprint = readFingerprint(metadata[fingerprintKey]);
  const tensors = [...entries.values()].map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const parameters = countParameters(tensors);
  const answer = { kind: 'adapter', base: baseName, baseFingerprint, config, parameters, tensors };
  const { targetModules, ...settings } = config;
  const targets = typeof targetModules === 'string' ? targetModules : targetModules.join(', ');
  const base = { base: baseName ?? 'not said', baseFingerprint: baseFingerprint ?? 'not said' };
  const shown = { ...base, ...settings, targetModules: targets, parameters };
  return { answer, text: [table(shown), ...tensors.map(line)].join('\n') };
}

async function inspectAdapterFile(path: string): Promise<Inspection> {
  const report = await reportAdapter(await readAdapter(path));
  return { answer: { kind: 'adapter', ...report }, text: describeAdapter(report) };
}

async function inspectSafetensors(path: string): Promise<Inspection> {
  const { entries, metadata } = await openSafetensors(path);
  const tensors = [...entries.values()].map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const answer = { kind: 'safetensors', metadata, parameters: countParameters(tensors), tensors };
  return { answer, text: [...tensors.map(line), `${answer.parameters.toLocaleString('en-US')} elements`].join('\n') };
}

async function inspectGraph(path: string): Promise<Inspection> {
  const model = await loadModel(path);
  inferShapes(model);
  const describe = ({ name, dtype, shape }: (typeof model.graph.inputs)[number]) => ({ name, dtype, shape });
  const operators: Record<string, number> = {};
  for (const { opType } of model.graph.nodes) operators[opType] = (operators[opType] ?? 0) + 1;
  const answer = {
    kind: 'graph',
    opsets: Object.fromEntries(model.opsets),
    inputs: model.graph.inputs.map(describe),
    outputs: model.graph.outputs.map(describe),
    operators,
    modules: await modulesIn(path),
  };
  const modules = answer.modules.map(
    ({ path: name, kind = 'linear', ...size }) => `${name}  ${kind} [${size.out}, ${size.in}]`,
  );
  return { answer, text: [printModel(model), 'modules', ...modules].join('\n') };
}

/** Lists the modules of a graph. A graph with old operators cannot be copied: it is described with no modules, and no adapter fits it. */
async function modulesIn(path: string): Promise<readonly AdaptableModule[]> {
  try {
    return (await openOnnxModel(path)).modules;
  } catch (error) {
    if (EspalierError.isInstance(error)) return [];
    throw error;
  }
}

type Tensor = Pick<SafetensorsEntry, 'name' | 'dtype' | 'shape'> & Pick<WeightRef, 'quantized'>;

function storedType({ dtype, quantized }: WeightRef): string {
  if (quantized === undefined) return dtype;
  return 'bits' in quantized ? `${quantized.bits} bits` : quantized.kind;
}

function countParameters(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, tensor) => sum + parameterCount(tensor), 0);
}

function line({ name, dtype, shape }: Tensor): string {
  return `${dtype.padEnd(9)} [${shape.join(', ')}]  ${name}`;
}

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function table(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(18)} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('\n');
}
