import type { EndedSequence } from './sources.ts';

/** What the sequences of one adapter came to. */
export interface AdapterCounts {
  readonly requests: { finished: number; cancelled: number; failed: number };
  readonly tokens: { prompt: number; cached: number; generated: number };
}

export function noCounts(): AdapterCounts {
  return {
    requests: { finished: 0, cancelled: 0, failed: 0 },
    tokens: { prompt: 0, cached: 0, generated: 0 },
  };
}

export function addCounts({ requests, tokens }: AdapterCounts, more: AdapterCounts): void {
  for (const how of ['finished', 'cancelled', 'failed'] as const) requests[how] += more.requests[how];
  for (const kind of ['prompt', 'cached', 'generated'] as const) tokens[kind] += more.tokens[kind];
}

/** The label of sequences with several adapters, which belong to none of them alone. */
export const several = 'several';

/** Counts ended sequences by the name of their adapter. The engine calls it once for each, never for a token. */
export class RequestCounts {
  readonly #baseName: () => string;
  readonly #counts = new Map<string, AdapterCounts>();

  constructor(baseName: () => string) {
    this.#baseName = baseName;
  }

  add({ adapters, how, promptTokens, cachedTokens, generatedTokens }: EndedSequence): void {
    const counts = this.#of(adapters.length > 1 ? several : (adapters[0]?.name ?? this.#baseName()));
    counts.requests[how]++;
    counts.tokens.prompt += promptTokens;
    counts.tokens.cached += cachedTokens;
    counts.tokens.generated += generatedTokens;
  }

  #of(name: string): AdapterCounts {
    const known = this.#counts.get(name);
    if (known !== undefined) return known;
    const counts = noCounts();
    this.#counts.set(name, counts);
    return counts;
  }

  /** The names that have counts. */
  names(): readonly string[] {
    return [...this.#counts.keys()];
  }

  /** Forgets names that are no longer served, so that their series go with them. */
  forget(names: Iterable<string>): void {
    for (const name of names) if (name !== several && name !== this.#baseName()) this.#counts.delete(name);
  }

  entries(): Iterable<[string, AdapterCounts]> {
    return this.#counts.entries();
  }
}
