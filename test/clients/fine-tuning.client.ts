import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const secret = `whsec_${Buffer.from('a secret of 24 bytes....').toString('base64')}`;
const keys = { admin: 'operator-key', read: 'dashboard-key' };

let dir: string;
let server: ChildProcess;
let client: OpenAI;
let hooks: Server;
let told: { headers: Record<string, string>; body: string }[];

beforeAll(async () => {
  // The server and the trainings are processes of the built program.
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: root,
  });
  dir = await mkdtemp(join(tmpdir(), 'espalier-clients-'));
  told = [];
  hooks = createServer((request, answer) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      told.push({ headers: request.headers as Record<string, string>, body });
      answer.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(hooks, 'listening');
  await start();
}, 300_000);
afterAll(async () => {
  server.kill('SIGTERM');
  await once(server, 'exit');
  hooks.close();
  await rm(dir, { recursive: true });
}, 60_000);

/** Starts the server, on the same folders each time. */
async function start(): Promise<void> {
  const { port } = hooks.address() as AddressInfo;
  const words =
    'serve demo/base --served-name base --port 0 --json --threads 1 --job-threads 1 --job-memory 4000'.split(' ');
  const options = {
    store: join(dir, 'store'),
    jobs: join(dir, 'jobs'),
    'admin-key': keys.admin,
    'read-key': keys.read,
    'job-webhook': `http://127.0.0.1:${port}/`,
    'job-webhook-secret': secret,
  };
  words.push(...Object.entries(options).map(([name, value]) => `--${name}=${value}`));
  server = spawn(process.execPath, [join(root, 'bin/espalier'), ...words], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let out = '';
    server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${out}`)));
    server.stdout?.on('data', (piece: Buffer) => {
      out += piece.toString();
      const found = /"url":"([^"]+)"/.exec(out)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  server.removeAllListeners('exit');
  client = new OpenAI({ baseURL: `${url}/v1`, apiKey: keys.admin, maxRetries: 0 });
}

async function rowsOf(count: number): Promise<string> {
  const rows = await readFile(join(root, 'demo/data/risk-strict.train.jsonl'), 'utf8');
  return `${rows.split('\n').slice(0, count).join('\n')}\n`;
}

async function upload(count: number): Promise<OpenAI.FileObject> {
  return client.files.create({
    purpose: 'fine-tune',
    file: await toFile(Buffer.from(await rowsOf(count)), 'rows.jsonl'),
  });
}

type Job = OpenAI.FineTuning.FineTuningJob;

/** The job when it is as it should be. */
async function until(id: string, isSo: (job: Job) => boolean | Promise<boolean>): Promise<Job> {
  for (;;) {
    const job = await client.fineTuning.jobs.retrieve(id);
    if (await isSo(job)) return job;
    if (job.finished_at !== null) throw new Error(`the job ended: ${JSON.stringify(job)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
const ended = (id: string): Promise<Job> => until(id, ({ status }) => status === 'succeeded');
const hasSaved = async ({ id }: Job): Promise<boolean> =>
  (await client.fineTuning.jobs.checkpoints.list(id)).data.length > 1;
const adapterOf = (id: string): Promise<Buffer> =>
  readFile(join(dir, 'jobs/jobs', id, 'adapter/adapter_model.safetensors'));
const events = async (id: string): Promise<string[]> => {
  const messages: string[] = [];
  for await (const { message } of client.fineTuning.jobs.listEvents(id, { limit: 5 })) messages.push(message);
  return messages;
};
/** The priorities of the processes that train for these tests. */
const trainings = (): number[] =>
  execFileSync('ps', ['-eo', 'ni,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes('espalier train') && line.includes(dir))
    .map((line) => Number.parseInt(line, 10));

describe('files', () => {
  it('are sent as a stream, listed, read and deleted', async () => {
    const path = join(dir, 'rows.jsonl');
    await writeFile(path, await rowsOf(3));
    const file = await client.files.create({ purpose: 'fine-tune', file: createReadStream(path) });
    expect(file).toMatchObject({ filename: 'rows.jsonl', purpose: 'fine-tune', status: 'processed' });
    expect(await client.files.waitForProcessing(file.id)).toMatchObject({ id: file.id });
    expect(await (await client.files.content(file.id)).text()).toBe(await rowsOf(3));
    const ids: string[] = [];
    for await (const { id } of client.files.list({ limit: 1 })) ids.push(id);
    expect(ids).toEqual([file.id]);
    expect(await client.files.delete(file.id)).toEqual({ id: file.id, object: 'file', deleted: true });
    await expect(client.files.retrieve(file.id)).rejects.toThrow(OpenAI.NotFoundError);
  });

  it('are refused with the line that is wrong', async () => {
    const file = await toFile(
      Buffer.from('{"messages":[{"role":"user","content":"a"}]}\n{"mesages":[]}\n'),
      'bad.jsonl',
    );
    const refused = await client.files.create({ purpose: 'fine-tune', file }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.BadRequestError);
    expect(refused).toMatchObject({ param: 'file', message: expect.stringMatching(/bad\.jsonl.*line 2/) as string });
  });
});

describe('a job', () => {
  let first: Job;

  it('goes from an upload to an answer with nothing else to do', async () => {
    const [training, validation] = [await upload(24), await upload(4)];
    const created = await client.fineTuning.jobs.create({
      model: 'base',
      training_file: training.id,
      validation_file: validation.id,
      suffix: 'strict',
      seed: 11,
      metadata: { team: 'risk' },
      method: { type: 'supervised', supervised: { hyperparameters: { n_epochs: 4, batch_size: 4 } } },
    });
    expect(created).toMatchObject({ object: 'fine_tuning.job', fine_tuned_model: null, finished_at: null });
    first = await ended(created.id);
    expect(first).toMatchObject({
      fine_tuned_model: expect.stringMatching(/^ft:base:strict:\w{8}$/) as string,
      hyperparameters: { n_epochs: 4, batch_size: 4, learning_rate_multiplier: 1 },
      seed: 11,
      error: null,
    });
    const model = first.fine_tuned_model ?? '';
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'I would like to close my account.' }],
      max_tokens: 8,
      temperature: 0,
    });
    expect([answer.model, answer.choices[0]?.message.content]).toEqual([model, expect.any(String)]);
    expect((await client.models.retrieve(model)).id).toBe(model);
  }, 300_000);

  it('tells its events, its checkpoints and its results, page by page', async () => {
    const told = await events(first.id);
    expect([told[0], told.at(-1)]).toEqual([
      'The job has successfully completed',
      `Created fine-tuning job: ${first.id}`,
    ]);
    const steps = told.filter((message) => message.startsWith('Step '));
    expect([steps.length, new Set(told).size]).toEqual([24, told.length]);
    const { data: checkpoints } = await client.fineTuning.jobs.checkpoints.list(first.id);
    expect(checkpoints.map(({ step_number }) => step_number)[0]).toBe(24);
    expect(checkpoints[0]).toMatchObject({
      object: 'fine_tuning.job.checkpoint',
      fine_tuning_job_id: first.id,
      metrics: { step: 24, train_loss: expect.any(Number) as number, valid_loss: expect.any(Number) as number },
    });
    const [results = ''] = first.result_files;
    const table = (await (await client.files.content(results)).text()).trim().split('\n');
    expect([table.length, table[0]]).toEqual([25, 'step,train_loss,valid_loss,learning_rate,target_tokens']);
  });

  it('has checkpoints that can be asked by the names that they tell', async () => {
    const { data } = await client.fineTuning.jobs.checkpoints.list(first.id);
    const names = data.map(({ fine_tuned_model_checkpoint: name }) => name);
    expect(names).toEqual(data.map(({ step_number: step }) => `${first.fine_tuned_model}:ckpt-step-${step}`));
    const models = [];
    for await (const { id } of client.models.list()) models.push(id);
    expect(models).toEqual(expect.arrayContaining(names));
    const versions = [];
    for (const model of [first.fine_tuned_model ?? '', ...names]) {
      const asked = { model, messages: [{ role: 'user', content: 'I would like to pay.' }], max_tokens: 4 } as const;
      const { data: answer, response } = await client.chat.completions
        .create({ ...asked, messages: [...asked.messages] })
        .withResponse();
      expect([answer.model, answer.choices[0]?.message.content]).toEqual([model, expect.any(String)]);
      versions.push(response.headers.get('x-espalier-version'));
    }
    // The last checkpoint is the result; those before it are others.
    expect(versions[1]).toBe(versions[0]);
    expect(new Set(versions).size).toBe(names.length);
    await expect(client.models.retrieve(`${first.fine_tuned_model}:ckpt-step-1`)).rejects.toThrow(OpenAI.NotFoundError);
  }, 60_000);

  it('tells its states to a receiver, who reads them with the same SDK', async () => {
    const ours = (type: string): (typeof told)[number] | undefined =>
      told.find(({ body }) => body.includes(`"${type}"`) && body.includes(first.id));
    await expect.poll(() => ours('fine_tuning.job.succeeded')).toBeDefined();
    const { headers, body } = ours('fine_tuning.job.succeeded') ?? { headers: {}, body: '' };
    const event = await client.webhooks.unwrap(body, headers, secret);
    expect(event).toMatchObject({ type: 'fine_tuning.job.succeeded', data: { id: first.id } });
    const forged = createHmac('sha256', 'other').update(body).digest('base64');
    const wrong = { ...headers, 'webhook-signature': `v1,${forged}` };
    await expect(client.webhooks.unwrap(body, wrong, secret)).rejects.toThrow(OpenAI.InvalidWebhookSignatureError);
  });

  it('is paused, gives its place to another, goes on, and ends in the same bytes', async () => {
    const created = await client.fineTuning.jobs.create(sameAs(first));
    await until(created.id, hasSaved);
    expect((await client.fineTuning.jobs.pause(created.id)).status).toBe('paused');
    const other = await client.fineTuning.jobs.create({ ...sameAs(first), hyperparameters: { n_epochs: 1 } });
    await until(other.id, ({ status }) => status === 'running');
    expect((await client.fineTuning.jobs.cancel(other.id)).status).toBe('cancelled');
    await client.fineTuning.jobs.resume(created.id);
    await ended(created.id);
    const told = await events(created.id);
    expect(told.filter((message) => message.startsWith('The training goes on after step'))).toHaveLength(1);
    expect((await adapterOf(created.id)).equals(await adapterOf(first.id))).toBe(true);
    await expect(client.fineTuning.jobs.cancel(created.id)).rejects.toThrow(OpenAI.BadRequestError);
  }, 300_000);

  it('outlives a server that is killed, ends in the same bytes, and leaves no process', async () => {
    const created = await client.fineTuning.jobs.create(sameAs(first));
    await until(created.id, hasSaved);
    expect(trainings()).toEqual([19]);
    server.kill('SIGKILL');
    await once(server, 'exit');
    await expect.poll(trainings, { timeout: 60_000 }).toEqual([]);
    await start();
    const job = await ended(created.id);
    expect((await adapterOf(created.id)).equals(await adapterOf(first.id))).toBe(true);
    expect((await events(created.id)).filter((message) => message.startsWith('Fine-tuning job started'))).toHaveLength(
      2,
    );
    const steps = (await events(created.id)).filter((message) => message.startsWith('Step '));
    expect(new Set(steps).size).toBe(steps.length);
    const models = [];
    for await (const { id } of client.models.list()) models.push(id);
    expect(models).toContain(job.fine_tuned_model);
    expect(models).toContain(first.fine_tuned_model);
  }, 300_000);

  it('goes on with the adapter of another, and learns more', async () => {
    const model = first.fine_tuned_model ?? '';
    const created = await client.fineTuning.jobs.create({ ...sameAs(first), model, hyperparameters: { n_epochs: 1 } });
    await ended(created.id);
    const lossAt = async (id: string, step: number): Promise<number> => {
      const messages = await events(id);
      return Number(/loss=(.*)/.exec(messages.find((message) => message.startsWith(`Step ${step}/`)) ?? '')?.[1]);
    };
    expect(await lossAt(created.id, 1)).toBeLessThan(await lossAt(first.id, 1));
  }, 300_000);

  it('has another seed for other bytes', async () => {
    const created = await client.fineTuning.jobs.create({ ...sameAs(first), seed: 12 });
    await ended(created.id);
    expect((await adapterOf(created.id)).equals(await adapterOf(first.id))).toBe(false);
  }, 300_000);

  it('is found by its metadata', async () => {
    const found = async (team: string): Promise<number> => {
      let count = 0;
      for await (const _job of client.fineTuning.jobs.list({ metadata: { team }, limit: 1 })) count += 1;
      return count;
    };
    expect([await found('risk'), await found('other')]).toEqual([1, 0]);
  });
});

/** A job with the same settings and no metadata. */
function sameAs({ training_file, validation_file, seed, hyperparameters }: Job): OpenAI.FineTuning.JobCreateParams {
  const { n_epochs = 'auto', batch_size } = hyperparameters;
  return {
    model: 'base',
    training_file,
    validation_file,
    seed,
    hyperparameters: { n_epochs, batch_size: batch_size ?? 'auto' },
  };
}

describe('keys', () => {
  it('for looking see jobs and change nothing', async () => {
    const looking = client.withOptions({ apiKey: keys.read });
    expect((await looking.fineTuning.jobs.list()).data.length).toBeGreaterThan(0);
    expect((await looking.files.list()).data.length).toBeGreaterThan(0);
    await expect(looking.fineTuning.jobs.create({ model: 'base', training_file: 'file-1' })).rejects.toThrow(
      OpenAI.AuthenticationError,
    );
  });
});

describe('what this server does not do', () => {
  it.each<[string, Partial<OpenAI.FineTuning.JobCreateParams>, string]>([
    ['dpo', { method: { type: 'dpo' } }, 'method.type'],
    ['integrations', { integrations: [{ type: 'wandb', wandb: { project: 'a' } }] }, 'integrations'],
  ])('is refused by name: %s', async (_name, given, param) => {
    const asked = { model: 'base', training_file: 'file-1', ...given };
    const refused = await client.fineTuning.jobs.create(asked).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OpenAI.BadRequestError);
    expect(refused).toMatchObject({ param });
  });
});
