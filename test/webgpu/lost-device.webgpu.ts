import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenFolder } from '../../src/cli/testing/run-espalier.ts';
import { isShort } from './cases.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const base = `${goldenFolder('llama')}/model`;

let folder: string;
/** The variables of a process whose device is lost when a file appears. */
let losing: Readonly<Record<string, string>>;

// What `cc` makes is a Vulkan driver over the one of these tests. Its device is as lost as one that a GPU's driver gives up.
const [driver] = (process.env['VK_DRIVER_FILES'] ?? '').split(delimiter);
const probe = mkdtempSync(join(tmpdir(), 'espalier-driver-'));
const library = join(probe, 'losing-driver.so');
const built = spawnSync('cc', ['-shared', '-fPIC', '-o', library, here('losing-driver.c'), '-ldl']);
const canLose = built.status === 0 && driver !== undefined && driver !== '';
if (!canLose) process.stdout.write('No device was lost: it needs cc, and a driver in VK_DRIVER_FILES.\n');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-lost-'));
  if (!canLose || driver === undefined) return;
  const { ICD: icd } = JSON.parse(await readFile(driver, 'utf8')) as { ICD: { library_path: string } };
  const manifest = join(probe, 'icd.json');
  const own = { library_path: library, api_version: '1.1.0' };
  await writeFile(manifest, JSON.stringify({ file_format_version: '1.0.0', ICD: own }));
  losing = {
    VK_DRIVER_FILES: manifest,
    LOSING_DRIVER_OF: resolve(dirname(driver), icd.library_path),
    LOSING_DRIVER_WHEN: join(folder, 'now'),
  };
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  rmSync(probe, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of Node with further variables. */
function run(words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [...words], { env: { ...process.env, ...variables } });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (stderr += piece.toString()));
  return new Promise((ended) => child.on('close', (status) => ended({ status, stdout, stderr })));
}

const espalier = here('../../bin/espalier');

// WHY not in the short form: a training that is interrupted and gone on with takes most of a minute.
describe.runIf(canLose && !isShort)('a device that is lost', () => {
  it('fails what runs and what is asked for afterwards, and says so', async () => {
    const { stdout, status } = await run([here('generate-until-lost.mjs'), base], losing);
    expect(status).toBe(0);
    const lost = {
      code: 'GENERATION_FAILED',
      cause: 'DEVICE_LOST',
      message: expect.stringMatching(/is lost.*Start the/),
    };
    expect(JSON.parse(stdout)).toEqual([{ tokens: [expect.any(Number), expect.any(Number)] }, lost, lost]);
  });

  it('ends a training that goes on from its last checkpoint on another', async () => {
    const [data, output] = [join(folder, 'rows.jsonl'), join(folder, 'adapter')];
    await writeFile(data, '{"input_ids":[1,17,9,4,5,6]}\n'.repeat(4));
    const common = ['train', '--base', base, '--data', data, '--rank', '2', '--threads', '1', '--save-steps', '1'];
    common.push('--target-modules', 'q_proj', '--max-steps', '60');
    const words = [espalier, ...common, '--output', output, '--provider', 'webgpu'];
    await rm(losing['LOSING_DRIVER_WHEN'] ?? '', { force: true });
    const training = run(words, losing);
    const checkpoints = `${output}.checkpoints`;
    const hasOne = async (): Promise<boolean> => (await readdir(checkpoints).catch(() => [])).length > 0;
    await expect.poll(hasOne, { timeout: 200_000, interval: 20 }).toBe(true);
    await writeFile(losing['LOSING_DRIVER_WHEN'] ?? '', '');
    const { status, stderr } = await training;
    expect([status, stderr]).toEqual([1, expect.stringContaining('[DEVICE_LOST]')]);
    expect(await hasOne()).toBe(true);
    await expect(readdir(output)).rejects.toThrow('ENOENT');
    const onCpu = await run([espalier, ...common, '--output', output, '--provider', 'cpu', '--resume']);
    expect([onCpu.status, onCpu.stderr]).toEqual([1, expect.stringMatching(/provider: it was webgpu and is cpu/)]);
    const again = await run([...words, '--resume']);
    expect([again.status, again.stderr]).toEqual([0, expect.not.stringContaining('step 1 of')]);
    const whole = await run([espalier, ...common, '--output', `${output}-whole`, '--provider', 'webgpu']);
    expect(whole.status).toBe(0);
    const [resumed, uninterrupted] = [output, `${output}-whole`].map((dir) =>
      readFile(join(dir, 'adapter_model.safetensors'), 'base64'),
    );
    expect(await resumed).toBe(await uninterrupted);
  });
});

describe('a device that is not there', () => {
  const none = { VK_DRIVER_FILES: join(tmpdir(), 'no-driver.json') };
  const words = ['score', '--base', base, '--input-ids', '1,17,9,4', '--json', '--provider'];

  it('is an error that says where to look', async () => {
    const { status, stdout } = await run([espalier, ...words, 'webgpu'], none);
    expect(status).toBe(1);
    expect(stdout).toMatch(/"code":"PROVIDER_UNAVAILABLE".*webgpu cannot be used.*inspect --providers/);
  });

  it('is the CPU where auto was asked for', async () => {
    const [found, expected] = [await run([espalier, ...words, 'auto'], none), await run([espalier, ...words, 'cpu'])];
    expect(found.status).toBe(0);
    expect(JSON.parse(found.stdout)).toEqual(JSON.parse(expected.stdout));
  });
});
