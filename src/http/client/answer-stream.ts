import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { eventLines } from './event-lines.ts';
import { fetchReason } from './fetch-reason.ts';

export interface AnswerClientOptions {
  /** Where an OpenAI-compatible server is, with or without `/v1`. */
  readonly server: string;
  readonly key?: string | undefined;
}

/** A request for one answer, streamed. */
export interface AnswerAsked {
  readonly api: 'chat' | 'completions';
  /** Fields of the request's body besides those of streaming. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/** The end of an answer. The numbers are the server's, if it gives them. */
export interface AnswerEnd {
  readonly tokens: number | undefined;
  readonly promptTokens: number | undefined;
  readonly finishReason: string | undefined;
}

const count = z.number().int().nonnegative();
const delta = z.looseObject({ content: z.string().nullish(), reasoning_content: z.string().nullish() });
const event = z.looseObject({
  choices: z
    .array(z.looseObject({ delta: delta.nullish(), text: z.string().nullish(), finish_reason: z.string().nullish() }))
    .nullish(),
  usage: z.looseObject({ prompt_tokens: count.nullish(), completion_tokens: count.nullish() }).nullish(),
  error: z.looseObject({ message: z.string().nullish() }).nullish(),
});
const models = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });
const refusal = z.looseObject({ error: z.union([z.string(), z.looseObject({ message: z.string() })]) });

/** A refusal by HTTP's status. */
export class AnswerRefused extends Error {
  override readonly name = 'AnswerRefused';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A client of the generation routes of any OpenAI-compatible server. */
export class AnswerClient {
  readonly #root: URL;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ server, key }: AnswerClientOptions) {
    const root = server.replace(/\/+$/, '');
    this.#root = new URL(`${root.endsWith('/v1') ? root : `${root}/v1`}/`);
    this.#headers = { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) };
  }

  /** The names of the models. @throws EspalierError SERVER_UNREACHABLE, SERVER_REFUSED */
  async models(signal: AbortSignal): Promise<string[]> {
    const server = this.#root.origin;
    const answer = await this.#fetch('models', { signal }).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw new EspalierError('SERVER_UNREACHABLE', { server, reason: fetchReason(cause) }, { cause });
    });
    if (!answer.ok) {
      throw new EspalierError('SERVER_REFUSED', { server, message: await messageOf(answer), code: answer.status });
    }
    const read = models.safeParse(await answer.json().catch(() => undefined));
    if (read.success) return read.data.data.map(({ id }) => id);
    throw new EspalierError('SERVER_UNREACHABLE', { server, reason: 'its list of models is not that of OpenAI' });
  }

  /**
   * Streams one answer: its parts with text, in order.
   * @returns its end
   * @throws AnswerRefused for a status that is not 200; Error with the server's message for an error within the stream, or of `fetch`
   */
  async *ask({ api, body, signal }: AnswerAsked): AsyncGenerator<string, AnswerEnd, undefined> {
    const path = api === 'chat' ? 'chat/completions' : 'completions';
    const whole = JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } });
    const answer = await this.#fetch(path, { method: 'POST', body: whole, signal });
    if (!answer.ok || answer.body === null) throw new AnswerRefused(answer.status, await messageOf(answer));
    let end: AnswerEnd = { tokens: undefined, promptTokens: undefined, finishReason: undefined };
    let isDone = false;
    for await (const line of eventLines(answer.body)) {
      isDone ||= line === '[DONE]';
      if (line === '[DONE]' || line === '') continue;
      const told = event.parse(JSON.parse(line));
      if (told.error) throw new Error(told.error.message ?? 'the server told of an error without a message');
      end = merged(end, told);
      const text = told.choices?.map((choice) => textOf(choice)).join('') ?? '';
      if (text !== '') yield text;
    }
    if (!isDone && end.finishReason === undefined) throw new Error('the stream ended before the answer did');
    return end;
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    // WHY redirects are errors: the key must not go to another server.
    return fetch(new URL(path, this.#root), { ...init, headers: this.#headers, redirect: 'error' });
  }
}

type Told = z.output<typeof event>;
type ToldChoice = NonNullable<Told['choices']>[number];

function textOf({ delta: part, text }: ToldChoice): string {
  return `${part?.reasoning_content ?? ''}${part?.content ?? text ?? ''}`;
}

function merged(end: AnswerEnd, { choices, usage }: Told): AnswerEnd {
  return {
    tokens: usage?.completion_tokens ?? end.tokens,
    promptTokens: usage?.prompt_tokens ?? end.promptTokens,
    finishReason: choices?.find((choice) => choice.finish_reason)?.finish_reason ?? end.finishReason,
  };
}

/** Longest message that is shown. */
const longestMessage = 500;

async function messageOf(answer: Response): Promise<string> {
  const text = await answer.text().catch(() => '');
  const told = refusal.safeParse(parsed(text));
  if (!told.success) return text.slice(0, longestMessage) || answer.statusText;
  const { error } = told.data;
  return (typeof error === 'string' ? error : error.message).slice(0, longestMessage);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
