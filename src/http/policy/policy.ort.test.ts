import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemFiles } from '../../adapter-store/files/store-files.ts';
import { FakeTrainings } from '../../jobs/testing/fake-trainings.ts';
import { liveHandles } from '../../native/index.ts';
import { minisigner, minisignSecretKey } from '../../trust/testing/test-signers.ts';
import { openServer, type Server } from '../server.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama-d16', import.meta.url));
const seed = Buffer.alloc(32, 9);
const policy = (adapters = "['ft:*:*:*', support]"): string =>
  `signers: [{ name: jobs, key: ${minisigner(seed).publicKey}, adapters: ${adapters} }]\nadapters: { named: true }\n`;
const waiting = { timeout: 20_000, interval: 20 };

let folder: string;
let server: Server | undefined;
let trainings: FakeTrainings;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  trainings = new FakeTrainings();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await systemFiles.removeTree(folder);
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

const at = (...parts: string[]): string => join(folder, ...parts);

async function open(signingKey: string | undefined): Promise<void> {
  await writeFile(at('policy.yaml'), policy());
  const jobs = { dir: at('jobs'), signingKey, start: trainings.start };
  server = await openServer({
    base: join(golden, 'model'),
    servedName: 'base',
    store: at('store'),
    policy: at('policy.yaml'),
    jobs: jobs as { dir: string; signingKey: string },
    threads: 1,
    port: 0,
  });
}

async function call(
  path: string,
  body?: object | FormData,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const isForm = body instanceof FormData;
  const answer = await fetch(`${server?.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
    headers: isForm ? { 'x-espalier-upload': '1' } : { ...(body && { 'content-type': 'application/json' }) },
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}
const answers = async (model: string): Promise<number> =>
  (await call('/v1/completions', { model, prompt: [1, 2, 3], max_tokens: 1 })).status;

/** A job whose training writes the adapter of the golden case. @returns its object when it is over */
async function train(): Promise<Record<string, unknown>> {
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', new Blob(['{"input_ids":[1,2,3]}\n']), 'rows.jsonl');
  const file = await call('/v1/files', form);
  const asked = { model: 'base', training_file: file.json['id'], adapter: 'support' };
  const { json } = await call('/v1/fine_tuning/jobs', asked);
  expect([file.json, json]).toMatchObject([{ object: 'file' }, { object: 'fine_tuning.job' }]);
  await vi.waitFor(() => expect(trainings.all).toHaveLength(1), waiting);
  const [training] = trainings.all;
  await cp(join(golden, 'adapter'), training?.option('--output') ?? '', { recursive: true });
  await training?.finish();
  return vi.waitFor(async () => {
    const found = (await call(`/v1/fine_tuning/jobs/${String(json['id'])}`)).json;
    expect(['succeeded', 'failed']).toContain(found['status']);
    return found;
  }, waiting);
}

describe('a server with a policy', () => {
  it('serves what its jobs train and it signs, until the policy is another one', async () => {
    await open(minisignSecretKey(seed));
    const { fine_tuned_model: model } = await train();
    expect([await answers(String(model)), await answers('support')]).toEqual([200, 200]);

    await writeFile(at('policy.yaml'), policy("['ft:*:*:*']"));
    await vi.waitFor(async () => expect(await answers('support')).toBe(404), waiting);
    expect(await answers(String(model))).toBe(200);
    const metrics = await (await fetch(`${server?.url}/metrics`)).text();
    expect(metrics).toContain('espalier_policy_refused 0');
  });

  it('fails a job whose adapter nobody signs, and says where it lies', async () => {
    await open(undefined);
    const { status, error, id } = await train();
    const path = at('jobs', 'jobs', String(id), 'adapter');
    expect([status, error]).toMatchObject(['failed', { code: 'job_adapter_unvouched' }]);
    expect(JSON.stringify(error)).toContain(path);
    expect(await readFile(join(path, 'adapter_model.safetensors'))).toEqual(
      await readFile(join(golden, 'adapter', 'adapter_model.safetensors')),
    );
    expect(await answers('support')).toBe(404);
  });
});
