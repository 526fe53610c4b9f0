import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { writeCorpus, writePolicies, writeTokenizer } from './write-files.ts';

const shipped = fileURLToPath(new URL('../../', import.meta.url));

describe('the files of the demo', () => {
  let folder = '';
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'demo-'))));
  afterAll(() => rm(folder, { recursive: true }));

  it('holds the fine-tuning rows that the generator writes', async () => {
    await writePolicies(folder, { seed: 1 });
    const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
    expect(names).toHaveLength(6);
    for (const name of names) {
      const text = await readFile(join(folder, name), 'utf8');
      expect(text.length).toBeLessThan(200_000);
      expect(await readFile(join(shipped, 'data', name), 'utf8')).toBe(text);
    }
  });

  it('holds the tokenizer that its trainer learns', async () => {
    await writeTokenizer(folder, { seed: 1 });
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      expect(await readFile(join(shipped, 'base', name), 'utf8')).toBe(await readFile(join(folder, name), 'utf8'));
    }
  });

  it('can write the conversations of the corpus out as text', async () => {
    const path = join(folder, 'corpus.jsonl');
    await writeCorpus(path, { seed: 1, rows: 40, split: 'train', renderWith: join(shipped, 'base') });
    const rows = (await readFile(path, 'utf8')).trim().split('\n');
    expect(rows).toHaveLength(40);
    expect(rows.filter((row) => row.startsWith('{"text":"<|bos|><|')).length).toBeGreaterThan(20);
    expect(rows.every((row) => row.startsWith('{"text":'))).toBe(true);
  });
});
