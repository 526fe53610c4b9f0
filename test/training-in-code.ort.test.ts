import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { train } from '../src/index.ts';
import { liveHandles } from '../src/native/index.ts';

const demo = fileURLToPath(new URL('../demo/', import.meta.url));
const library = fileURLToPath(new URL('../src/index.ts', import.meta.url));
const page = await readFile(new URL('../docs/training-in-code.md', import.meta.url), 'utf8');
const programs = new Map(
  [...page.matchAll(/<!-- program: ([\w-]+\.ts) -->\s+```ts\n(.*?)```/gs)].map(([, name = '', text = '']) => [
    name,
    text,
  ]),
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-in-code-'));
  await symlink(join(demo, 'base'), join(folder, 'base'));
  const rows = await readFile(join(demo, 'data', 'risk-strict.train.jsonl'), 'utf8');
  await writeFile(join(folder, 'rows.jsonl'), rows.split('\n').slice(0, 16).join('\n'));
  await cp(join(folder, 'rows.jsonl'), join(folder, 'held-out.jsonl'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

/** Runs a program of the page, whose files are in the folder of the test, and returns what it says. */
async function run(name: string): Promise<string[]> {
  const said: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
  const text = programs.get(name) ?? '';
  const placed = text
    .replaceAll(
      /(['`])(base|rows\.jsonl|adapters\/)/g,
      (_, quote: string, path: string) => `${quote}${join(folder, path)}`,
    )
    .replace("from 'espalier'", `from '${library}'`);
  const file = join(folder, name);
  await writeFile(file, placed);
  await import(/* @vite-ignore */ pathToFileURL(file).href);
  expect(liveHandles()).toEqual({});
  return said;
}

describe('the programs of docs/training-in-code.md', () => {
  it('are three', () => expect([...programs.keys()]).toEqual(['watch-a-training.ts', 'go-on.ts', 'try-settings.ts']));

  it('watch a training, and end it', async () => {
    const said = await run('watch-a-training.ts');
    expect(said.slice(0, -1).every((line, i) => line.startsWith(`step ${i + 1} of 500: loss `))).toBe(true);
    expect(said.at(-1)).toMatch(/^\d+ steps, interrupted: .*adapters\/watched$/);
    expect(await readdir(join(folder, 'adapters', 'watched'))).toContain('adapter_model.safetensors');
  });

  it('go on with an interrupted training', async () => {
    const said = await run('go-on.ts');
    expect(said[0]).toMatch(/^interrupted after \d steps$/);
    expect(said[1]).toBe('6 steps in all');
  });

  it('try settings, and ask the best', async () => {
    const said = await run('try-settings.ts');
    expect(said[0]).toMatch(/^best: .*rate-0\.003, held-out loss \d/);
    expect(said).toHaveLength(2);
    expect(await readFile(join(folder, 'adapters', 'rate-0.003.html'), 'utf8')).toContain('<svg');
  });
});

describe('the events of a training', () => {
  it('throw its error where nobody looks at the promise', async () => {
    const { events } = train({ base: join(folder, 'nowhere'), data: 'x', output: join(folder, 'never') });
    const read = async (): Promise<void> => {
      for await (const event of events) expect(event).toBeUndefined();
    };
    await expect(read()).rejects.toThrow('nowhere');
  });

  it('are not waited for, and can be left', async () => {
    const options = { base: join(folder, 'base'), data: join(folder, 'rows.jsonl'), output: join(folder, 'left') };
    const training = train({ ...options, maxSteps: 3 });
    for await (const event of training.events) if (event.kind === 'stepped') break;
    expect(await training).toMatchObject({ steps: 3, interrupted: false });
  });
});
