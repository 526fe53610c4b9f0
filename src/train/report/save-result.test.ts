import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { StagedFolder } from '../../atomic-files/index.ts';
import { saveResult, type ResultParts } from './save-result.ts';

let root: string;
let place: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-save-'));
  place = join(root, 'output');
  await mkdir(join(root, 'rescue'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Parts of which the first `fullFor` saves find the disk full. */
function partsOf({ fullFor = 0 } = {}): ResultParts & { readonly saves: string[] } {
  const saves: string[] = [];
  return {
    saves,
    save: async (dir) => {
      saves.push(dir);
      await mkdir(dir);
      if (saves.length <= fullFor) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
      await writeFile(join(dir, 'weights'), 'w');
    },
    addMetrics: (dir, where) => writeFile(join(dir, 'metrics'), where),
  };
}

async function rescueOf(saved: Promise<void>): Promise<string> {
  const error = await saved.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ code: 'OUTPUT_RESCUED', details: { path: place } });
  return EspalierError.isInstance(error) ? String(error.details['rescue']) : '';
}

describe('saveResult', () => {
  it('lets the output appear', async () => {
    await using folder = await StagedFolder.begin(place);
    await saveResult(folder, partsOf());
    expect(await readdir(place)).toEqual(['metrics', 'weights']);
  });

  it('writes the whole result elsewhere when the disk of the output is full, and says where', async () => {
    const rescueFolder = join(root, 'rescue');
    {
      await using folder = await StagedFolder.begin(place, { exclusive: true });
      const rescue = await rescueOf(saveResult(folder, partsOf({ fullFor: 1 }), { rescueFolder }));
      expect(await readFile(join(rescue, 'metrics'), 'utf8')).toBe('elsewhere');
      expect(await readdir(rescue)).toEqual(['metrics', 'weights']);
    }
    expect(await readdir(root)).toEqual(['rescue']);
  });

  it('writes it elsewhere when the place was taken meanwhile', async () => {
    await using folder = await StagedFolder.begin(place);
    await mkdir(place);
    const rescue = await rescueOf(saveResult(folder, partsOf(), { rescueFolder: join(root, 'rescue') }));
    expect(await readdir(rescue)).toEqual(['metrics', 'weights']);
    expect(await readdir(place)).toEqual([]);
  });

  it('tells of the output where the other place is full too', async () => {
    await using folder = await StagedFolder.begin(place);
    const saved = saveResult(folder, partsOf({ fullFor: 2 }), { rescueFolder: join(root, 'rescue') });
    await expect(saved).rejects.toMatchObject({ code: 'DISK_FULL', details: { what: place } });
    expect(await readdir(join(root, 'rescue'))).toEqual([]);
  });
});
