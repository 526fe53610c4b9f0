import type { FastifyReply } from 'fastify';
import { Pace } from '../../core/index.ts';
import { openEventStream, type AnswerHeaders, type EventStream } from './event-stream.ts';
import type { Choice } from './generation.ts';
import { systemTimers, type Timers } from '../door/timers.ts';
import { openAiErrorOf } from './openai-error.ts';
import type { Piece } from './pieces.ts';
import type { NamedToken } from './token-names.ts';

/** The format of a route's answer. Completions and chat completions differ only here. */
export interface AnswerFormat {
  /** The fields with which every object of the answer begins: id, object, created, model, system_fingerprint. */
  readonly head: Readonly<Record<string, unknown>>;
  readonly chunkHead: Readonly<Record<string, unknown>>;
  /** The chunk before the first token, if the API has one. */
  opening?(index: number): object;
  chunk(index: number, piece: Piece): object;
  choice(index: number, whole: Piece): object;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export interface AnswerOptions {
  readonly choices: readonly Choice[];
  /** Number of prompt tokens. Choices that share a prompt count its tokens once. */
  readonly promptTokens: number;
  readonly format: AnswerFormat;
  /** The field that names the adapter and its version, in the whole answer or in the first chunk of a stream. */
  readonly answeredBy: object;
  readonly includeUsage: boolean;
  readonly headers: AnswerHeaders;
  /** Ends the generation. Called when one choice fails, so that the others do not continue without a reader. */
  readonly abort: (reason: unknown) => void;
  /** Whether a stream begins with its first token only, because another version may have to answer if there is none. */
  readonly waitsForToken: boolean;
  readonly timers?: Timers | undefined;
  /** An error as the client may read it. */
  readonly forReader: (error: unknown) => unknown;
}

/** A stream that waits for its first token begins after this time all the same, so that proxies and clients do not give it up. */
const longestSilenceMs = 10_000;

/** Collects every choice and returns the answer as one object. */
export async function answerWhole(options: AnswerOptions): Promise<object> {
  try {
    const wholes = await allOf(options.choices, ({ pieces }) => collect(pieces));
    const completionTokens = wholes.reduce((sum, { generated }) => sum + generated, 0);
    return {
      ...options.format.head,
      choices: wholes.map((whole, index) => options.format.choice(index, whole)),
      usage: usageOf(options.promptTokens, completionTokens),
      ...options.answeredBy,
    };
  } catch (error) {
    options.abort(error);
    throw error;
  }
}

/**
 * Streams every choice as it is generated. An error after the first byte is sent as an event, which OpenAI's clients understand, and
 * returned. An error before it is thrown.
 */
export async function answerStream(options: AnswerOptions, reply: FastifyReply): Promise<{ readonly error?: unknown }> {
  const { format, timers = systemTimers } = options;
  let opened: EventStream | undefined;
  const open = (): EventStream => {
    if (opened !== undefined) return opened;
    reply.hijack();
    opened = openEventStream(reply.raw, options.headers);
    return opened;
  };
  const cancelTimer = options.waitsForToken ? timers.after(longestSilenceMs, () => void open()) : undefined;
  if (!options.waitsForToken) open();
  let completionTokens = 0;
  const usage = options.includeUsage ? { usage: null } : {};
  let first = options.answeredBy;
  const send = (choices: readonly object[], rest: object = usage): Promise<void> => {
    const chunk = { ...format.chunkHead, choices, ...rest, ...first };
    first = {};
    return open().send(chunk);
  };
  try {
    await allOf(options.choices, async ({ index, pieces }) => {
      let isBegun = false;
      const begin = async (): Promise<void> => {
        if (format.opening && !isBegun) await send([format.opening(index)]);
        isBegun = true;
      };
      if (opened !== undefined) await begin();
      for await (const piece of pieces) {
        await begin();
        completionTokens += piece.generated;
        await send([format.chunk(index, piece)]);
      }
    });
    if (options.includeUsage) await send([], { usage: usageOf(options.promptTokens, completionTokens) });
  } catch (error) {
    options.abort(error);
    if (opened === undefined) throw error;
    await open().send(openAiErrorOf(options.forReader(error)).body);
    open().done();
    return { error };
  } finally {
    cancelTimer?.();
  }
  open().done();
  return {};
}

/** Reads all choices at the same time. They are begun in slices, because each makes a decoder first. */
async function allOf<T>(choices: readonly Choice[], read: (choice: Choice) => Promise<T>): Promise<T[]> {
  const pace = new Pace();
  const readings: Promise<T>[] = [];
  for (const choice of choices) {
    const reading = read(choice);
    // WHY: it may fail before all are awaited below, and an error that nothing handles would end the process.
    reading.catch(() => undefined);
    readings.push(reading);
    const turn = pace.step();
    if (turn) await turn;
  }
  return Promise.all(readings);
}

async function collect(pieces: AsyncIterable<Piece>): Promise<Piece> {
  let text = '';
  let generated = 0;
  const tokenIds: number[] = [];
  let logprobs: NamedToken[] | undefined;
  let finishReason: Piece['finishReason'];
  for await (const piece of pieces) {
    text += piece.text;
    generated += piece.generated;
    for (const id of piece.tokenIds) tokenIds.push(id);
    if (piece.logprobs) (logprobs ??= []).push(...piece.logprobs);
    finishReason = piece.finishReason ?? finishReason;
  }
  return { text, tokenIds, generated, ...(logprobs && { logprobs }), ...(finishReason && { finishReason }) };
}

function usageOf(promptTokens: number, completionTokens: number): Usage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
