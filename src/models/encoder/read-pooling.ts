import { join, normalize } from 'node:path';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { parseWith } from '../parse-with.ts';
import { readJsonIfPresent } from '../read-json.ts';
import { refuseFeature } from './read-fields.ts';
import { poolingModes, type Pooling } from './pooling.ts';

const modulesJson = z.array(z.looseObject({ path: z.string(), type: z.string() }));

const poolingJson = z.looseObject({
  pooling_mode: z.union([z.string(), z.array(z.string())]).optional(),
  include_prompt: z.boolean().default(true),
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
 * Reads how the states of a row become one vector: from `modules.json` and the pooling configuration of sentence-transformers. Without
 * these files it is the mean.
 *
 * @throws EspalierError MODEL_FEATURE_UNSUPPORTED for a step or a mode that is not known, MODEL_CONFIG_INVALID
 */
export async function readPooling(dir: string): Promise<Pooling> {
  const path = join(dir, 'modules.json');
  const json = await readJsonIfPresent(path);
  if (json === undefined) return { mode: 'mean', normalize: false };
  const steps = parseWith(modulesJson, json, path).map((step) => ({ ...step, kind: step.type.split('.').at(-1) }));
  const [transformer, pooling, normalization, ...more] = steps;
  const known =
    transformer?.kind === 'Transformer' &&
    insideOf(transformer.path) === '.' &&
    pooling?.kind === 'Pooling' &&
    insideOf(pooling.path) !== undefined &&
    (normalization === undefined || normalization.kind === 'Normalize') &&
    more.length === 0;
  if (!known) {
    const value = steps.map(({ kind, path: place }) => `${kind} in "${place}"`).join(', ');
    const supported = 'Transformer in "", Pooling, and at most a Normalize';
    refuseFeature(path, { feature: 'modules', value, supported });
  }
  const mode = await readMode(join(dir, insideOf(pooling?.path ?? '') ?? '', 'config.json'));
  return { mode, normalize: normalization !== undefined };
}

async function readMode(path: string): Promise<Pooling['mode']> {
  const json = await readJsonIfPresent(path);
  if (json === undefined) throw new EspalierError('FILE_NOT_FOUND', { what: 'configuration of the pooling', path });
  const fields = parseWith(poolingJson, json, path);
  const older = Object.keys(olderKeys).filter((key) => fields[key] === true);
  const modes = [fields.pooling_mode ?? older.map((key) => olderKeys[key] ?? key)].flat();
  if (!fields.include_prompt) refuseFeature(path, { feature: 'include_prompt', value: 'false', supported: 'true' });
  const mode = poolingModes.find((each) => each === modes[0]);
  if (mode !== undefined && modes.length === 1) return mode;
  const value = modes.join(' and ') || 'nothing';
  return refuseFeature(path, { feature: 'pooling_mode', value, supported: `one of ${poolingModes.join(', ')}` });
}

/** Returns a folder inside the checkpoint's folder, or undefined when the path leads out of it. */
function insideOf(path: string): string | undefined {
  const place = normalize(path).replace(/[\\/]$/, '');
  return place.startsWith('..') || place.startsWith('/') || place.includes(':') ? undefined : place;
}
