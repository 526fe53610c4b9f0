import { ask, createClient, replaceAdapter, type Answer } from './ask.ts';
import { questions, type DemoOptions } from './options.ts';

export interface SwapResult {
  /** What was asked and replaced before, without load, to know the answers of each version. */
  readonly alone: { readonly requests: number; readonly tokens: number; readonly swaps: number };
  readonly swaps: number;
  readonly requests: number;
  readonly tokens: number;
  readonly failed: number;
  /** Number of answers that differ from what the version that they name answers without load. */
  readonly mixed: number;
  readonly seconds: number;
  /** Milliseconds from the request for a replacement to its answer. */
  readonly swapMs: { readonly p50: number; readonly p99: number };
  readonly failures: readonly string[];
}

/** The adapter that is replaced while requests for it run. */
const swapped = 'risk-strict';
/** Paths in the folder of adapters, used alternately. */
const sources = ['versions/risk-strict-2', 'risk-strict'] as const;
/** Pause between two replacements, so that answers of every length are replaced at some point. */
const pauseMs = 250;

/**
 * Keeps the clients busy while one adapter is replaced repeatedly, and compares each answer with what the version that it names answers
 * without load.
 */
export async function swapUnderLoad(url: string, baseName: string, options: DemoOptions): Promise<SwapResult> {
  const client = createClient(url);
  const expected = await answersAlone(client, baseName);
  const load = new Load(url, expected.answers, [swapped, swapped, swapped, 'risk-lenient', baseName]);
  const begin = performance.now();
  const clients = Array.from({ length: options.clients }, (_, index) => load.keepAsking(index));
  const times: number[] = [];
  try {
    for (let swap = 0; swap < options.swaps; swap++) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const start = performance.now();
      await replaceAdapter(client, swapped, sources[swap % sources.length] ?? sources[0]);
      times.push(performance.now() - start);
    }
  } finally {
    load.stop();
    await Promise.all(clients);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const percentile = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] ?? Number.NaN;
  const seconds = (performance.now() - begin) / 1000;
  return {
    ...load.counts,
    alone: expected.asked,
    swaps: times.length,
    seconds,
    swapMs: { p50: percentile(0.5), p99: percentile(0.99) },
  };
}

/** The expected answers without load: by version, then by question. */
type Expected = ReadonlyMap<string, ReadonlyMap<string, string>>;

async function answersAlone(
  client: ReturnType<typeof createClient>,
  baseName: string,
): Promise<{ readonly answers: Expected; readonly asked: SwapResult['alone'] }> {
  const asked = { requests: 0, tokens: 0, swaps: 0 };
  const replace = async (path: string): Promise<void> => {
    await replaceAdapter(client, swapped, path);
    asked.swaps++;
  };
  const expected = new Map<string, Map<string, string>>();
  const note = async (model: string): Promise<void> => {
    for (const question of questions) {
      const { text, versions, tokens } = await ask(client, model, question);
      asked.requests++;
      asked.tokens += tokens;
      const [version = ''] = versions;
      const texts = expected.get(version) ?? new Map<string, string>();
      expected.set(version, texts.set(question, text));
    }
  };
  for (const model of [baseName, 'risk-lenient', swapped]) await note(model);
  await replace(sources[0]);
  await note(swapped);
  await replace(sources[1]);
  return { answers: expected, asked };
}

/** Clients that send requests without a pause until they are stopped. */
class Load {
  readonly #url: string;
  readonly #expected: Expected;
  readonly #models: readonly string[];
  readonly #failures: string[] = [];
  #requests = 0;
  #tokens = 0;
  #failed = 0;
  #mixed = 0;
  #stopped = false;

  constructor(url: string, expected: Expected, models: readonly string[]) {
    this.#url = url;
    this.#expected = expected;
    this.#models = models;
  }

  get counts(): Pick<SwapResult, 'requests' | 'tokens' | 'failed' | 'mixed' | 'failures'> {
    return {
      requests: this.#requests,
      tokens: this.#tokens,
      failed: this.#failed,
      mixed: this.#mixed,
      failures: this.#failures,
    };
  }

  stop(): void {
    this.#stopped = true;
  }

  async keepAsking(index: number): Promise<void> {
    const client = createClient(this.#url);
    const model = this.#models[index % this.#models.length] ?? swapped;
    for (let turn = index; !this.#stopped; turn++) {
      const question = questions[turn % questions.length] ?? '';
      this.#requests++;
      try {
        this.#check(await ask(client, model, question), question);
      } catch (error) {
        this.#failed++;
        this.#failures.push(String(error));
      }
    }
  }

  #check({ text, versions, tokens }: Answer, question: string): void {
    this.#tokens += tokens;
    const [version = ''] = versions;
    const alone = this.#expected.get(version)?.get(question);
    if (versions.size === 1 && text === alone) return;
    this.#mixed++;
    this.#failures.push(`${[...versions].join('+')} answered ${JSON.stringify(text)}, alone ${JSON.stringify(alone)}`);
  }
}
