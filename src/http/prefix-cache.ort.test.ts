import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveHandles } from '../native/index.ts';
import { openServer, type Server } from './server.ts';

const golden = fileURLToPath(new URL('../../test/golden/llama-d16', import.meta.url));
const prompt = Array.from({ length: 40 }, (_, i) => 5 + ((i * 7) % 100));

let folder: string;
let server: Server;

function clientOf(name: string): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: `${name}-secret-key`, maxRetries: 0 });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const keyOf = (name: string): object => {
    return {
      name,
      sha256: createHash('sha256').update(`${name} secret key`.replaceAll(' ', '-')).digest('hex'),
      models: ['*'],
    };
  };
  await writeFile(join(folder, 'keys.json'), JSON.stringify(['one', 'two'].map(keyOf)));
  const base = join(golden, 'model');
  server = await openServer({ base, servedName: 'base', keys: join(folder, 'keys.json'), threads: 1, port: 0 });
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

describe('the usage of an answer', () => {
  it('says how much of a prompt was kept, whole and streamed, and only to the key that asked it before', async () => {
    const request = { model: 'base', prompt, max_tokens: 4, n: 2, temperature: 0 };
    const ask = async (key: string): Promise<(string | number | undefined)[]> => {
      const { choices, usage } = await clientOf(key).completions.create(request);
      return [choices[0]?.text, usage?.prompt_tokens, usage?.prompt_tokens_details?.cached_tokens];
    };
    const [text] = await ask('one');
    expect(await ask('one')).toEqual([text, 40, 32]);
    expect(await ask('two')).toEqual([text, 40, 0]);
    const stream = await clientOf('one').completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    const counts: unknown[] = [];
    for await (const { usage } of stream) if (usage) counts.push(usage.prompt_tokens_details?.cached_tokens);
    expect(counts).toEqual([32]);
  });
});
