import { EspalierError } from '../../core/index.ts';
import { Constraints } from '../../constrain/index.ts';
import type { ChatMessage, ChatOptions, Tokenizer } from '../../tokenizer/index.ts';
import type { GeneratedToken, GenerationRequest } from '../../service/engine-port.ts';
import type { PreparedAdapter } from '../../engine/index.ts';
import { AdapterLease } from '../../routing/registry/adapter-version.ts';
import { Router } from '../../routing/router.ts';
import type { ServedAdapter } from '../../routing/store/served-adapter.ts';
import type { ServingContext } from '../../service/serving-context.ts';

export const fakeEos = 0;
export const fakeMaxLength = 64;

function renderLines(messages: readonly ChatMessage[]): string {
  return messages.map(({ role, content }) => `${role}: ${String(content)}\n`).join('');
}

/** A tokenizer of one token a character, whose chat template puts each message on a line, and documents behind them. */
export const characterTokenizer: Tokenizer = {
  hasChatTemplate: true,
  templates: new Map(),
  encode: (text: string) => [...text].map((character) => character.codePointAt(0) ?? 0),
  encodeInSlices: async (text: string) => characterTokenizer.encode(text),
  renderChat: (messages: readonly ChatMessage[], { documents = [] }: ChatOptions) =>
    renderLines(messages) + documents.map((document) => JSON.stringify(document)).join(''),
  encodeChat: (messages: readonly ChatMessage[]) =>
    `${renderLines(messages)}assistant: `.split('').map((c) => c.charCodeAt(0)),
  encodeChatInSlices: async (messages: readonly ChatMessage[]) =>
    characterTokenizer.encodeChat(messages, { addGenerationPrompt: true }),
  tokenName: (id: number) => (id < 0x110000 ? String.fromCodePoint(id) : undefined),
  vocabulary: {
    size: 128,
    isConcatenated: true,
    isSpecial: (id: number) => id === fakeEos,
    bytesOf: (id: number) => Uint8Array.of(id),
  },
  tokenBytes: (id: number) => new TextEncoder().encode(String.fromCodePoint(id)),
  decode: (ids: readonly number[]) => String.fromCodePoint(...ids),
  createStreamDecoder: () => ({ push: (id: number) => String.fromCodePoint(id), end: () => '' }),
} as unknown as Tokenizer;

export interface FakeContext extends ServingContext {
  readonly requests: GenerationRequest[];
  shuttingDown: boolean;
  /** Tokens that were taken of all answers. */
  readonly taken: number;
}

/**
 * A context whose engine answers `text` and ends with the stop token; where it is 'endless', it writes on for ever, whatever the length
 * that was asked for.
 * It keeps the requests that it saw.
 */
export function fakeContext(
  options: { text?: string; apiKey?: string; adapters?: readonly string[]; failAfter?: number } = {},
): FakeContext {
  const requests: GenerationRequest[] = [];
  let taken = 0;
  const adapters = new Map<string, ServedAdapter>();
  for (const name of options.adapters ?? []) adapters.set(name, adapterOf(name));
  return {
    requests,
    shuttingDown: false,
    get taken() {
      return taken;
    },
    engine: {
      generate(request) {
        if (request.tokens.length >= fakeMaxLength) {
          throw new EspalierError('REQUEST_INVALID', { param: 'prompt', problem: 'it is too long' });
        }
        requests.push(request);
        return counted(answerTokens(options.text ?? 'hello', request, options.failAfter), () => taken++);
      },
    },
    adapters: {
      list: () => [...adapters.values()],
      load: async (name, _path, { replace }) => {
        if (adapters.has(name) && !replace) throw new EspalierError('ADAPTER_ALREADY_LOADED', { name, version: 'v1' });
        adapters.set(name, adapterOf(name));
        return adapterOf(name);
      },
      unload: async (name) => {
        if (!adapters.delete(name)) throw new EspalierError('MODEL_NOT_FOUND', { model: name, hint: '' });
      },
    },
    router: new Router({
      baseName: 'base',
      registry: {
        has: (name) => adapters.has(name),
        list: () => [...adapters.values()],
        lease: (name) => Promise.resolve(fakeLease(name)),
        acquire: fakeLease,
        leaseVersion: (name, version) => Promise.resolve(fakeLease(name, version)),
      },
    }),
    tokenizer: characterTokenizer,
    constraints: new Constraints(),
    baseName: 'base',
    baseDirectory: '/models/base',
    created: 1,
    maxLength: fakeMaxLength,
    eosTokenIds: [fakeEos],
    apiKey: options.apiKey,
    isReady: () => true,
    isShuttingDown() {
      return this.shuttingDown;
    },
  };
}

function adapterOf(name: string): ServedAdapter {
  return { name, version: `sha-${name}`, path: `/adapters/${name}`, created: 2, state: 'serving' };
}

function fakeLease(name: string, digest = `sha-${encodeURIComponent(name)}`): AdapterLease<PreparedAdapter> {
  const version = {
    // A real one is hexadecimal, whatever the name.
    digest,
    base: undefined,
    fingerprint: undefined,
    rank: 1,
    bytes: 0,
    isAlone: false,
    sources: [],
    created: 2,
  };
  return new AdapterLease(
    name,
    { version },
    {
      begin: () => () => undefined,
      hold: () => Promise.reject(new Error('no weights')),
    },
  );
}

async function* counted<T>(values: AsyncIterable<T>, count: () => void): AsyncIterable<T> {
  for await (const value of values) {
    count();
    yield value;
  }
}

async function* answerTokens(
  text: string,
  request: GenerationRequest,
  failAfter = Infinity,
): AsyncIterable<GeneratedToken> {
  const characters = text === 'endless' ? forever() : [...text].map((character) => character.charCodeAt(0));
  let count = 0;
  for (const token of characters) {
    await new Promise((resolve) => setImmediate(resolve));
    request.signal?.throwIfAborted();
    if (count++ === failAfter) throw new EspalierError('DISPOSED', { name: 'session' });
    if (count === request.maxTokens && text !== 'endless') {
      yield { token, finishReason: 'length' };
      return;
    }
    yield { token };
  }
  yield { token: fakeEos, finishReason: 'stop' };
}

function* forever(): Iterable<number> {
  for (;;) yield 120;
}
