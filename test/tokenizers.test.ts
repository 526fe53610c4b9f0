import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { createTokenizer } from '../src/tokenizer/index.ts';
import { differences } from './tokenizers/differences.mjs';

/** Small tokenizers, and what the Rust library makes of texts and ids; test/tokenizers/judge.py writes them. */
const folder = join(import.meta.dirname, 'tokenizers/fixtures');
const schema = z.object({ tokenizer: z.record(z.string(), z.unknown()), lines: z.array(z.unknown()).min(80) });
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

describe('texts and ids are those of the Rust library', () => {
  it.each(names)('%s', (name) => {
    const { tokenizer, lines } = schema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
    const ours = createTokenizer({ folder, tokenizer });
    expect(lines.flatMap((line) => [...differences(ours, line)])).toEqual([]);
  });
});
