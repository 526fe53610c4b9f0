import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

import { parametersOf } from '../../judge-checkpoint.ts';
import { familyOf } from '../../open-base-model.ts';
import type { DecoderConfig } from '../decoder-config.ts';

/** What must be understood of a published model. */
interface Published {
  readonly name: string;
  /** What its publisher or the hub gives for it. */
  readonly parameters: number;
  readonly tied?: boolean;
  /** The length of the longest row. */
  readonly positions?: number;
  /** The rotary base and scaling of the first layer that has one. */
  readonly theta?: number;
  readonly scaling?: string;
  /** The windows of the first layers; null: none. */
  readonly windows?: readonly (number | null)[];
  /** The fields of its config.json that matter, spelled as there. */
  readonly config: Readonly<Record<string, unknown>>;
}

const file = new URL('../../../../test/golden/published-models.json', import.meta.url);
// WHY as: the file is our own.
const published = JSON.parse(readFileSync(file, 'utf8')) as Published[];

it.each(published)('reads the configuration of $name', ({ config: json, ...wanted }) => {
  const config: DecoderConfig = familyOf(json, 'config.json').parse(json, 'config.json');
  const rope = config.blocks.map(({ attention }) => attention?.rope).find((found) => found !== undefined);
  const windows = config.blocks.map(({ attention }) => attention?.window ?? null);
  expect({
    name: wanted.name,
    parameters: parametersOf(config, false),
    ...(wanted.tied !== undefined && { tied: config.head.weight !== undefined, positions: config.maxPositions }),
    ...(wanted.theta !== undefined && { theta: rope?.theta, scaling: rope?.scaling.kind }),
    ...(wanted.windows && { windows: windows.slice(0, wanted.windows.length) }),
  }).toEqual(wanted);
});
