import { join } from 'node:path';

import { EspalierError, nearest } from '../../core/index.ts';
import type { BaseModel } from '../base-model.ts';
import { readGenerationConfig } from '../generation-config.ts';
import { parseLlamaConfig, type LlamaConfig } from '../llama-config.ts';
import { isIgnoredWeight, llamaLinears, llamaWeightShapes } from '../llama-weights.ts';
import { readJsonIfPresent } from '../read-json.ts';
import { listWeights, summarize, type WeightRef } from '../weight-files.ts';
import { llamaGraphs } from './graphs.ts';

/** Types that a weight may have: all are computed with as f32. */
const weightTypes: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16']);

/** Opens a folder of the Llama family; see `openBaseModel`. */
export async function openLlama(dir: string): Promise<BaseModel> {
  const path = join(dir, 'config.json');
  const json = await readJsonIfPresent(path);
  if (json === undefined) throw new EspalierError('FILE_NOT_FOUND', { what: 'model configuration', path });
  const config = parseLlamaConfig(json, path);
  const generation = await readGenerationConfig(dir, json);
  const listed = await listWeights(dir);
  const weights = selectWeights(listed, { config, dir });
  const modules = llamaLinears(config).map(({ path: name, in: width, out }) => ({ path: name, in: width, out }));
  return { dir, config, weights, modules, generation, graphs: llamaGraphs({ config, weights }) };
}

/** The weights that the configuration asks for; all that differs is reported at once. */
function selectWeights(
  listed: ReadonlyMap<string, WeightRef>,
  { config, dir }: { config: LlamaConfig; dir: string },
): Map<string, WeightRef> {
  const shapes = llamaWeightShapes(config);
  const unexpected = [...listed.keys()].filter((name) => !shapes.has(name) && !isIgnoredWeight(name, config));
  const selected = new Map<string, WeightRef>();
  const problems: string[] = [];
  for (const [name, shape] of shapes) {
    const ref = listed.get(name);
    if (ref === undefined) {
      const similar = nearest(name, unexpected);
      problems.push(`${name} is missing${similar === undefined ? '' : ` (is it ${similar}?)`}`);
      continue;
    }
    if (ref.shape.join() !== shape.join())
      problems.push(`${name} is [${ref.shape.join(', ')}], expected [${shape.join(', ')}]`);
    if (!weightTypes.has(ref.dtype)) problems.push(`${name} is ${ref.dtype}, expected float32, float16 or bfloat16`);
    selected.set(name, ref);
  }
  problems.push(...unexpected.map((name) => `${name} is unexpected`));
  if (problems.length > 0) throw new EspalierError('MODEL_WEIGHTS_MISMATCH', { dir, problems: summarize(problems) });
  return selected;
}
