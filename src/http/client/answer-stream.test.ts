import { createServer, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { AnswerClient, type AnswerEnd } from './answer-stream.ts';

let server: Server | undefined;
afterEach(() => new Promise<unknown>((resolve) => (server ? server.close(resolve) : resolve(undefined))));

interface Seen {
  url?: string | undefined;
  key?: string | undefined;
  body: string;
}

async function clientOf(answer: (response: ServerResponse) => void): Promise<{ client: AnswerClient; seen: Seen }> {
  const seen: Seen = { body: '' };
  const opened = createServer((request, response) => {
    seen.url = request.url;
    seen.key = request.headers.authorization;
    request.on('data', (piece) => (seen.body += String(piece)));
    request.on('end', () => answer(response));
  });
  server = opened;
  await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve));
  const address = opened.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return { client: new AnswerClient({ server: `http://127.0.0.1:${port}/`, key: 'secret' }), seen };
}

const ask = { api: 'chat', body: { model: 'm', max_tokens: 4 }, signal: new AbortController().signal } as const;

async function readAll(client: AnswerClient): Promise<{ parts: string[]; end: AnswerEnd }> {
  const [asked, parts] = [client.ask(ask), [] as string[]];
  let next = await asked.next();
  for (; next.done !== true; next = await asked.next()) parts.push(next.value);
  return { parts, end: next.value };
}

function events(...told: unknown[]): string {
  return told.map((one) => `data: ${typeof one === 'string' ? one : JSON.stringify(one)}\n\n`).join('');
}

const part = (content: string): unknown => ({ choices: [{ delta: { content } }] });
const last = { choices: [{ delta: {}, finish_reason: 'length' }] };

describe('AnswerClient', () => {
  it('streams the parts of a chat, with the key, and takes the numbers of the server', async () => {
    const usage = { choices: [], usage: { prompt_tokens: 7, completion_tokens: 4 } };
    const { client, seen } = await clientOf((response) => {
      response.end(events(part(''), part('Hel'), part('lo'), last, usage, '[DONE]'));
    });
    const { parts, end } = await readAll(client);
    expect(parts).toEqual(['Hel', 'lo']);
    expect(end).toEqual({ tokens: 4, promptTokens: 7, finishReason: 'length' });
    expect(seen).toMatchObject({ url: '/v1/chat/completions', key: 'Bearer secret' });
    expect(JSON.parse(seen.body)).toMatchObject({ model: 'm', stream: true });
  });

  it('tells a refusal with its status and message', async () => {
    const { client } = await clientOf((response) => {
      response.writeHead(429).end(JSON.stringify({ error: { message: 'the queue is full' } }));
    });
    await expect(readAll(client)).rejects.toMatchObject({ status: 429, message: 'the queue is full' });
  });

  it('takes an answer that is cut off for a failure, and one without an end mark for whole if it says how it ended', async () => {
    const cut = await clientOf((response) => void response.end(events(part('Hel'))));
    await expect(readAll(cut.client)).rejects.toThrow('before the answer did');
    await new Promise((resolve) => server?.close(resolve));
    const short = await clientOf((response) => void response.end(events(part('Hel'), last)));
    await expect(readAll(short.client)).resolves.toMatchObject({ end: { finishReason: 'length' } });
  });

  it('tells an error within the stream', async () => {
    const { client } = await clientOf((response) => {
      response.end(events(part('Hel'), { error: { message: 'it broke' } }, '[DONE]'));
    });
    await expect(readAll(client)).rejects.toThrow('it broke');
  });

  it('lists models, and says what is wrong with an answer that is no list', async () => {
    const { client } = await clientOf((response) => response.end('{"data":[{"id":"a"},{"id":"b"}]}'));
    expect(await client.models(ask.signal)).toEqual(['a', 'b']);
    await new Promise((resolve) => server?.close(resolve));
    const other = await clientOf((response) => response.end('<html>'));
    await expect(other.client.models(ask.signal)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });
});
