import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { manifestJsonSchema, parseManifest } from '../src/fleet/index.ts';

const schema = manifestJsonSchema();
const page = await readFile(new URL('../docs/fleet.md', import.meta.url), 'utf8');
const isValid = new Ajv2020({ strict: false }).compile(schema);

/** Whether a manifest is one by the schema, and by the reader. */
function isAccepted(text: string): readonly [bySchema: boolean, byReader: boolean] {
  try {
    parseManifest(text);
    return [isValid(parse(text)), true];
  } catch {
    return [isValid(parse(text)), false];
  }
}

const examples = [...page.matchAll(/```yaml\n(apiVersion: espalier.*?)```/gs)].map(([, text = '']) => text);

describe('the schema of fleet.yaml', () => {
  it('is docs/fleet.schema.json', async () => {
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../docs/fleet.schema.json');
  });

  it('takes the examples of docs/fleet.md, as the reader does', () => {
    expect(examples.length).toBeGreaterThan(0);
    for (const text of examples) expect(isAccepted(text)).toEqual([true, true]);
  });

  it.each([
    ['kind: Fleet', 'kind: Fleets'],
    ['aliases:', 'names:'],
    ['digest: ', 'digest: x'],
    ['bases:', 'bases: []\n  base:'],
  ])('refuses what the reader refuses: %s as %s', (from, to) => {
    expect(isAccepted((examples[0] ?? '').replace(from, to))).toEqual([false, false]);
  });
});
