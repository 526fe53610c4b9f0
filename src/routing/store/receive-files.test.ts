import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { receiveFile } from './receive-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-receive-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('makes no file any more when it has been given up', async () => {
  const left: string[] = [];
  for (let i = 0; i < 40; i++) {
    const [controller, path] = [new AbortController(), join(folder, `${i}`)];
    const received = receiveFile(new Readable({ read: () => undefined }), path, { signal: controller.signal });
    controller.abort(new Error('given up'));
    await expect(received).rejects.toThrow('aborted');
    await rm(path, { force: true });
    // Time for an opening that is still under way.
    await readdir(folder);
    await readdir(folder);
    if (existsSync(path)) left.push(path);
  }
  expect(left).toEqual([]);
});
