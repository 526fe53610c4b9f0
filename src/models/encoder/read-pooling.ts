import { join, normalize } from 'node:path';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { positiveInteger } from '../decoder/families/fields.ts';
import { parseWith } from '../parse-with.ts';
import { readJsonIfPresent } from '../read-json.ts';
import { readDense } from './read-dense.ts';
import { refuseFeature } from './read-fields.ts';
import { poolingModes, type Pooling } from './pooling.ts';

const modulesJson = z.array(z.looseObject({ path: z.string(), type: z.string() }));

const poolingJson = z.looseObject({
  pooling_mode: z.union([z.string(), z.array(z.string())]).optional(),
  include_prompt: z.boolean().default(true),
  word_embedding_dimension: positiveInteger.nullish(),
  embedding_dimension: positiveInteger.nullish(),
});

/** Maps the keys of sentence-transformers before version 6 to the names since version 6. */
const olderKeys: Readonly<Record<string, string>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt_len_tokens',
  pooling_mode_weightedmean_tokens: 'weightedmean',
  pooling_mode_lasttoken: 'lasttoken',
};

/**
 * Reads how the states of a row become one vector: from `modules.json` and the folders of sentence-transformers that it names. Without
 * these files it is the mean.
 *
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a step or a mode that is not known, MODEL_CONFIG_INVALID, and the errors of
 *   `readDense`
 */
export async function readPooling(dir: string): Promise<Pooling> {
  return (await readGivenPooling(dir)) ?? { modes: ['mean'], steps: [] };
}

/** The same; undefined without these files. */
export async function readGivenPooling(dir: string): Promise<Pooling | undefined> {
  const path = join(dir, 'modules.json');
  const json = await readJsonIfPresent(path);
  if (json === undefined) return undefined;
  const { pooling, more } = poolingSteps(json, path);
  const place = join(dir, pooling, 'config.json');
  const fields = await readJsonIfPresent(place);
  if (fields === undefined)
    throw new EspalierError('FILE_NOT_FOUND', { what: 'configuration of the pooling', path: place });
  const modes = poolingModesOf(fields, place);
  const steps: Pooling['steps'][number][] = [];
  for (const { kind, inside } of more) {
    steps.push(kind === 'Normalize' ? 'normalize' : await readDense(join(dir, inside)));
  }
  return { modes, steps };
}

interface PoolingSteps {
  /** The folder of the pooling. */
  readonly pooling: string;
  /** What follows: `Dense` or `Normalize`, and its folder. */
  readonly more: readonly { readonly kind: string; readonly inside: string }[];
}

/** Reads `modules.json`. @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a step that is not known, MODEL_CONFIG_INVALID */
export function poolingSteps(json: unknown, path: string): PoolingSteps {
  const places = parseWith(modulesJson, json, path).map((step) => ({
    kind: step.type.split('.').at(-1) ?? '',
    inside: insideOf(step.path),
    path: step.path,
  }));
  const [transformer, pooling, ...more] = places;
  const known =
    transformer?.kind === 'Transformer' &&
    transformer.inside === '.' &&
    pooling?.kind === 'Pooling' &&
    pooling.inside !== undefined &&
    more.every(({ kind, inside }) => kind === 'Normalize' || (kind === 'Dense' && inside !== undefined));
  if (!known) {
    const value = places.map(({ kind, path: place }) => `${kind} in "${place}"`).join(', ');
    const supported = 'Transformer in "", Pooling, and then any number of Dense and Normalize';
    refuseFeature(path, { feature: 'modules', value, supported });
  }
  return { pooling: pooling?.inside ?? '', more: more.map(({ kind, inside = '' }) => ({ kind, inside })) };
}

/** Reads the configuration of a pooling. @throws EspalierError MODEL_FEATURE_UNSUPPORTED, MODEL_CONFIG_INVALID */
export function poolingModesOf(json: unknown, path: string): Pooling['modes'] {
  const fields = parseWith(poolingJson, json, path);
  if (!fields.include_prompt) refuseFeature(path, { feature: 'include_prompt', value: 'false', supported: 'true' });
  const older = Object.keys(olderKeys).filter((key) => fields[key] === true);
  const given = [fields.pooling_mode ?? older.map((key) => olderKeys[key] ?? key)].flat();
  const modes = poolingModes.filter((each) => given.includes(each));
  // WHY one name at most: the order of several names is the order of the vectors, which older keys fix.
  const isClear = fields.pooling_mode === undefined || given.length === 1;
  if (modes.length > 0 && modes.length === given.length && isClear) return modes;
  const value = given.join(' and ') || 'nothing';
  return refuseFeature(path, { feature: 'pooling_mode', value, supported: `one of ${poolingModes.join(', ')}` });
}

/** Returns a folder inside the checkpoint's folder, or undefined when the path leads out of it. */
function insideOf(path: string): string | undefined {
  const place = normalize(path).replace(/[\\/]$/, '');
  return place.startsWith('..') || place.startsWith('/') || place.includes(':') ? undefined : place;
}
