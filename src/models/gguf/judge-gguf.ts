import { EspalierError } from '../../core/index.ts';
import { modelLimits, readGgufHeader, toFloat32, type GgufFile } from '../../tensor/index.ts';
import { decoderModules } from '../decoder/decoder-weights.ts';
import { wantedWeights } from '../decoder/open-decoder.ts';
import { parametersOf, type Judgement } from '../judge-checkpoint.ts';
import { familyOf } from '../open-base-model.ts';
import { pickWeights } from '../select-weights.ts';
import { factorPattern } from './gguf-config.ts';
import { readGguf, wrongSizes } from './open-gguf.ts';

/** A GGUF file of which parts can be read. `path` is its name. */
export interface GgufFacts extends GgufFile {
  /** Whether it is the first of several files of one model, so that its tensors are not all. */
  readonly isPart: boolean;
}

/** Judges whether a GGUF file can be opened, from its header and its small tensors. */
export async function judgeGguf({ isPart, ...file }: GgufFacts): Promise<Judgement> {
  const nothing = { family: undefined, task: undefined, parameters: undefined };
  try {
    return { problems: [], task: 'causal-lm', ...(await judged(file, isPart)) };
  } catch (error) {
    if (!EspalierError.isInstance(error) || error.code.startsWith('HUB_')) throw error;
    return { ...nothing, problems: [error] };
  }
}

async function judged(file: GgufFile, isPart: boolean): Promise<Pick<Judgement, 'family' | 'parameters'>> {
  const { path } = file;
  const { metadata, tensors } = await readGgufHeader(file, modelLimits);
  const placed = new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, location: path }]));
  const factors = new Map<string, Float32Array>();
  for (const [name, { type: dtype, shape, offset, length }] of tensors) {
    if (dtype !== 'float32' || !factorPattern.test(name)) continue;
    factors.set(name, toFloat32({ dtype, shape, bytes: await file.read(offset, length) }));
  }
  const model = { dir: '', file: path, metadata, tensors: placed, locations: [path] };
  const { json, listed } = readGguf(model, path, factors);
  const family = familyOf(json, path);
  const config = family.parse(json, path);
  if (!isPart) {
    const { weights } = pickWeights(path, listed, wantedWeights(config, family));
    const problems = wrongSizes({ modules: decoderModules(config), weights });
    if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir: path, problems });
  }
  return { family: family.modelType, parameters: parametersOf(config, false) };
}
