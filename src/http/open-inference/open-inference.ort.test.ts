import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createModel, encodeModel, float, Tape } from '../../ir/index.ts';
import { liveHandles } from '../../native/index.ts';
import { openServer, type Server, type ServerOptions } from '../server.ts';

let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

/** y = leaky(x), [batch, 2], and sum, its rows' sums. */
async function open(options: Partial<ServerOptions> = {}): Promise<string> {
  const model = createModel({ graphName: 'leaky' });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', 2]);
  const y = tape.op('LeakyRelu', [x], { attributes: { alpha: float(0.5) }, outputName: 'y' });
  model.graph.addOutput(y);
  model.graph.addOutput(tape.op('Cast', [y], { attributes: { to: 10 }, outputName: 'half' }));
  const path = join(folder, 'leaky.onnx');
  await writeFile(path, encodeModel(model));
  server = await openServer({ models: [{ name: 'leaky', path }], threads: 1, port: 0, ...options });
  return server.url;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(url, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });

const x = (...data: number[]): object => ({ name: 'x', shape: [data.length / 2, 2], datatype: 'FP32', data });
const outputs = [{ name: 'y' }];

describe('the Open Inference Protocol', () => {
  it('tells of the server and of its models', async () => {
    const url = await open();
    expect(await ask(`${url}/v2`)).toMatchObject({ status: 200, body: { name: 'espalier' } });
    expect(await ask(`${url}/v2/health/live`)).toEqual({ status: 200, body: { live: true } });
    expect(await ask(`${url}/v2/health/ready`)).toEqual({ status: 200, body: { ready: true } });
    expect(await ask(`${url}/v2/models/leaky/versions/1/ready`)).toMatchObject({ status: 200, body: { ready: true } });
    expect(await ask(`${url}/v2/models/leaky`)).toEqual({
      status: 200,
      body: {
        name: 'leaky',
        versions: ['1'],
        platform: 'onnxruntime_onnx',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
        outputs: [
          { name: 'y', datatype: 'FP32', shape: [-1, 2] },
          { name: 'half', datatype: 'FP16', shape: [-1, 2] },
        ],
        parameters: { dynamic_batching: true },
      },
    });
  });

  it('answers JSON with JSON, and says the id again', async () => {
    const url = await open();
    const answer = await post(`${url}/v2/models/leaky/infer`, { id: 'abc', inputs: [x(1, -2, -3, 4)], outputs });
    expect(answer).toEqual({
      status: 200,
      body: {
        model_name: 'leaky',
        model_version: '1',
        id: 'abc',
        outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], data: [1, -1, -1.5, 4] }],
      },
    });
  });

  it.each(['application/octet-stream', undefined])('takes and gives tensors as bytes, sent as %s', async (type) => {
    const url = await open();
    const input = { name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } };
    const json = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }));
    const body = new Uint8Array(Buffer.concat([json, Buffer.from(new Float32Array([3, -4]).buffer)]));
    const headers = {
      'inference-header-content-length': String(json.byteLength),
      ...(type && { 'content-type': type }),
    };
    const response = await fetch(`${url}/v2/models/leaky/infer`, { method: 'POST', body, headers });
    const bytes = Buffer.from(await response.arrayBuffer());
    const length = Number(response.headers.get('inference-header-content-length'));
    expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({
      outputs: [
        { name: 'y', datatype: 'FP32', parameters: { binary_data_size: 8 } },
        { name: 'half', datatype: 'FP16', parameters: { binary_data_size: 4 } },
      ],
    });
    expect([...new Float32Array(new Uint8Array(bytes.subarray(length, length + 8)).buffer)]).toEqual([3, -2]);
    expect([...new Uint16Array(new Uint8Array(bytes.subarray(length + 8)).buffer)]).toEqual([0x4200, 0xc000]);
  });

  it('joins requests that come at once, and answers each as if it were alone', async () => {
    const url = await open({ maxWaitMs: 50 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        post(`${url}/v2/models/leaky/infer`, {
          inputs: [x(...Array.from({ length: 2 + 2 * (i % 3) }, () => -i - 1))],
          outputs,
        }),
      ),
    );
    for (const [i, { body }] of answers.entries()) {
      const [y] = body['outputs'] as { data: number[] }[];
      expect(y?.data).toEqual(Array.from({ length: 2 + 2 * (i % 3) }, () => (-i - 1) / 2));
    }
  });

  it.each([
    ['an unknown model', 'leakyy', { inputs: [x(1, 2)] }, 404, /named leakyy \(did you mean leaky\?\)/],
    ['an unknown version', 'leaky/versions/2', { inputs: [x(1, 2)] }, 404, /no version 2/],
    ['an unknown adapter', 'leaky:strict', { inputs: [x(1, 2)], outputs }, 404, /leaky:strict/],
    [
      'an unknown adapter in the parameters',
      'leaky',
      { inputs: [x(1, 2)], outputs, parameters: { adapter: 'strict' } },
      404,
      /strict/,
    ],
    ['an unknown input', 'leaky', { inputs: [x(1, 2), { ...x(1, 2), name: 'xx' }], outputs }, 400, /Did you mean x\?/],
    ['an unknown output', 'leaky', { inputs: [x(1, 2)], outputs: [{ name: 'hal' }] }, 400, /Did you mean half\?/],
    [
      'another type',
      'leaky',
      { inputs: [{ ...x(1, 2), datatype: 'FP64' }], outputs },
      400,
      /Expected float32 \[-1, 2\]/,
    ],
    ['too many rows', 'leaky', { inputs: [x(...Array.from({ length: 130 }, () => 1))], outputs }, 400, /at most 64/],
    ['a half in JSON', 'leaky', { inputs: [x(1, 2)] }, 400, /half is FP16/],
    ['a body that is no request', 'leaky', { input: 1 }, 400, /inputs/],
  ])('refuses %s', async (_what, name, body, status, message) => {
    const url = await open();
    const answer = await post(`${url}/v2/models/${name}/infer`, body);
    expect(answer.status).toBe(status);
    expect(Object.keys(answer.body)).toEqual(['error']);
    expect(answer.body['error']).toMatch(message);
  });

  it('refuses a body that is no JSON, one that is empty, and one that is too large', async () => {
    const url = `${await open()}/v2/models/leaky/infer`;
    const headers = { 'content-type': 'application/json' };
    expect(await ask(url, { method: 'POST', headers, body: '{' })).toMatchObject({ status: 400 });
    expect(await ask(url, { method: 'POST', headers })).toMatchObject({ status: 400 });
    const json = ' '.repeat(9 * 2 ** 20);
    expect(await ask(url, { method: 'POST', headers, body: json })).toMatchObject({
      status: 413,
      body: { error: /JSON/ },
    });
  });

  it('asks for the key, but not where a balancer asks for health', async () => {
    const url = await open({ apiKey: 'secret' });
    expect(await post(`${url}/v2/models/leaky/infer`, { inputs: [x(1, 2)], outputs })).toMatchObject({
      status: 401,
      body: { error: /missing/ },
    });
    const authorization = 'Bearer secret';
    const answer = await post(`${url}/v2/models/leaky/infer`, { inputs: [x(1, 2)], outputs }, { authorization });
    expect(answer.status).toBe(200);
    expect((await ask(`${url}/v2/health/ready`)).status).toBe(200);
    expect((await ask(`${url}/v2`)).status).toBe(401);
  });

  it('lists its models as a repository', async () => {
    const url = await open();
    const response = await fetch(`${url}/v2/repository/index`, { method: 'POST' });
    expect(await response.json()).toEqual([{ name: 'leaky', version: '1', state: 'READY' }]);
  });
});

describe('a file of keys', () => {
  it('opens the models that its keys list, and is read again', async () => {
    const keys = join(folder, 'keys.yaml');
    const listing = (model: string): string => `- {name: acme, key: key-of-acme, models: [${model}]}\n`;
    await writeFile(keys, listing('leaky'), { mode: 0o600 });
    const url = await open({ keys });
    const statusOf = async (key: string): Promise<number> => {
      const answer = await fetch(`${url}/v2/models/leaky`, { headers: { authorization: `Bearer ${key}` } });
      await answer.arrayBuffer();
      return answer.status;
    };
    expect([await statusOf('key-of-acme'), await statusOf('wrong')]).toEqual([200, 401]);
    await writeFile(keys, listing('another'));
    await server?.reloadKeys();
    expect(await statusOf('key-of-acme')).toBe(404);
    await writeFile(keys, '- {');
    await server?.reloadKeys();
    expect(await statusOf('key-of-acme')).toBe(404);
  });

  it('must be whole when the server starts', async () => {
    const keys = join(folder, 'keys.yaml');
    await writeFile(keys, '- {');
    await expect(open({ keys })).rejects.toMatchObject({ code: 'KEYS_FILE_INVALID' });
  });
});
