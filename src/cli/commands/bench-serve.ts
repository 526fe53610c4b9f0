import { access, constants } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { writeAtomically } from '../../atomic-files/index.ts';
import { EspalierError, messageOf, systemClock } from '../../core/index.ts';
import { type AnswerClient, AnswerRefused } from '../../http/index.ts';
import {
  type Answered,
  type Ask,
  createTrace,
  lengthForms,
  loadPage,
  type LoadResult,
  type LoadRun,
  parseLengths,
  type PlannedRequest,
  promptIds,
  promptText,
  runTrace,
  summarize,
} from '../../load/index.ts';
import { collect } from '../base-options.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { describeLoad } from '../describe-load.ts';
import { createProgress } from '../progress.ts';
import { nonNegativeNumber, path, positiveInteger, positiveNumber, readOptions, wholeNumber } from '../read-options.ts';
import { answerClientOf, apiKeyOption, apiKeySchema, serverSchema } from '../server-options.ts';

const lengths = z.string().transform((text, context) => {
  const read = parseLengths(text);
  if (read !== undefined) return read;
  context.addIssue({ code: 'custom', message: `numbers of tokens such as ${lengthForms}` });
  return z.NEVER;
});

const rates = z.string().transform((text, context) => {
  const read = text.split(',').map(Number);
  if (read.every((rate) => Number.isFinite(rate) && rate > 0)) return read;
  context.addIssue({ code: 'custom', message: 'requests a second, such as 2 or 1,2,4,8' });
  return z.NEVER;
});

const schema = z.object({
  server: serverSchema.server,
  apiKey: apiKeySchema,
  model: z.array(z.string().min(1)).default([]),
  api: z.enum(['chat', 'completions'], { error: 'chat or completions' }).default('chat'),
  rate: rates.default([1]),
  burstiness: nonNegativeNumber.default(1),
  zipf: nonNegativeNumber.default(1),
  promptTokens: lengths.default({ kind: 'fixed', tokens: 128 }),
  answerTokens: lengths.default({ kind: 'fixed', tokens: 32 }),
  sharedTokens: wholeNumber.default(0),
  tokenIds: positiveInteger.optional(),
  temperature: nonNegativeNumber.default(0),
  duration: positiveNumber.default(60),
  requests: positiveInteger.default(100_000),
  timeout: positiveNumber.default(600),
  seed: wholeNumber.default(1),
  stopEarly: z.boolean().default(false),
  outputFile: path.optional(),
  page: path.optional(),
});

type BenchOptions = z.output<typeof schema>;

/** `espalier bench serve`: an open-loop load on any OpenAI-compatible server. */
export const benchServeCommand: CommandDefinition = {
  name: 'bench serve',
  summary: 'Sends a planned load to a running OpenAI-compatible server, and says what its users would see.',
  examples: [
    'espalier bench serve --rate 2 --duration 60 --page load.html',
    'espalier bench serve --server http://127.0.0.1:8000 --model support --model sales --rate 1,2,4,8 --output-file load.json',
    'espalier bench serve --api completions --token-ids 32000 --prompt-tokens lognormal:128,0.6,1024 --answer-tokens 16..64',
  ],
  configure(command) {
    command
      .option('--server <url>', 'an OpenAI-compatible server (default: http://127.0.0.1:8000)')
      .option(...apiKeyOption)
      .option(
        '--model <name>',
        'a model to ask; may be repeated, the most popular first (default: all of /v1/models)',
        collect,
      )
      .option('--api <api>', 'chat or completions (default: chat)')
      .option('--rate <rates>', 'requests a second; several, such as 1,2,4, one after the other (default: 1)')
      .option(
        '--burstiness <cv>',
        'deviation of the gaps over their mean: 1 is a Poisson process, 0 a steady beat (default: 1)',
      )
      .option('--zipf <exponent>', 'how unequal the popularity of the models is; 0: all alike (default: 1)')
      .option('--prompt-tokens <lengths>', `such as ${lengthForms} (default: 128)`)
      .option('--answer-tokens <lengths>', 'in the same forms (default: 32)')
      .option('--shared-tokens <n>', 'tokens with which all prompts begin alike (default: 0)')
      .option('--token-ids <vocabulary>', 'send token ids below this number instead of words; with --api completions')
      .option('--temperature <x>', 'temperature of the requests (default: 0)')
      .option('--duration <seconds>', 'how long requests are sent, at each rate (default: 60)')
      .option('--requests <n>', 'most requests, at each rate')
      .option('--timeout <seconds>', 'an answer that takes longer has failed (default: 600)')
      .option('--seed <n>', 'another seed gives another trace (default: 1)')
      .option('--stop-early', 'let answers end at the end of their text, instead of at their number of tokens')
      .option('--output-file <file>', 'write everything as JSON, each request included')
      .option('--page <file>', 'write an HTML page with curves');
  },
  async run(options, context) {
    const read = readOptions(schema, options);
    checkIds(read);
    await checkPlaces(read);
    const client = answerClientOf(read);
    const models = read.model.length > 0 ? read.model : await client.models(context.signal);
    const started = new Date().toISOString();
    const runs: LoadRun[] = [];
    for (const rate of read.rate) {
      runs.push(await runAt(rate, { read, models, client, context }));
      context.signal.throwIfAborted();
    }
    const result = resultOf(read, { models, started, runs });
    if (read.outputFile !== undefined) await write(read.outputFile, `${JSON.stringify(result)}\n`);
    if (read.page !== undefined) await write(read.page, loadPage(result));
    const told = { ...result, runs: runs.map(({ rate, summary }) => ({ rate, summary })) };
    context.output.answer(told, () => describeLoad(runs));
    return runs.some(({ summary: { ok } }) => ok > 0) ? 0 : 1;
  },
};

function checkIds({ tokenIds, api }: BenchOptions): void {
  if (tokenIds === undefined || api === 'completions') return;
  throw new EspalierError('CLI_BAD_VALUE', {
    flag: '--token-ids',
    expected: 'to be given with --api completions, since chats are of text',
    actual: '--api chat',
  });
}

/** WHY before the load: minutes of measurements must not be lost for a folder that is missing. */
async function checkPlaces({ outputFile, page }: BenchOptions): Promise<void> {
  for (const file of [outputFile, page]) {
    if (file === undefined) continue;
    await access(dirname(file), constants.W_OK).catch((cause: unknown) => {
      throw new EspalierError('OUTPUT_NOT_WRITABLE', { path: file, reason: String(cause) }, { cause });
    });
  }
}

async function write(file: string, text: string): Promise<void> {
  await writeAtomically(file, async (handle) => void (await handle.writeFile(text)));
}

function resultOf(
  read: BenchOptions,
  { models, ...result }: Pick<LoadResult, 'started' | 'runs'> & { readonly models: readonly string[] },
): LoadResult {
  const processors = cpus();
  const { server, api } = read;
  const machine = { cores: processors.length, cpu: processors[0]?.model ?? 'unknown', node: process.version };
  return { server, api, machine, trace: traceOf(read, models), ...result };
}

function traceOf(read: BenchOptions, models: readonly string[]): LoadResult['trace'] {
  const { burstiness, zipf, promptTokens, answerTokens, requests, seed } = read;
  return { models, burstiness, zipf, promptTokens, answerTokens, requests, seed, durationMs: read.duration * 1000 };
}

interface RunOptions {
  readonly read: BenchOptions;
  readonly models: readonly string[];
  readonly client: AnswerClient;
  readonly context: CommandContext;
}

async function runAt(rate: number, { read, models, client, context }: RunOptions): Promise<LoadRun> {
  const trace = createTrace({ ...traceOf(read, models), rate });
  using progress = createProgress(context.output, {
    total: trace.length,
    format: `{bar} {value}/{total} answers at ${rate}/s | {failed} failed or refused`,
  });
  let [ended, failed] = [0, 0];
  progress.update(ended, { failed: String(failed) });
  const records = await runTrace(trace, {
    ask: askBy(client, read),
    clock: systemClock,
    wait: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => undefined),
    signal: context.signal,
    onEnd: ({ outcome }) => {
      if (outcome !== 'ok') failed++;
      progress.update(++ended, { failed: String(failed) });
    },
  });
  return { rate, summary: summarize(records), records };
}

/** Statuses by which a server says that it is full or not ready. */
const refusing: ReadonlySet<number> = new Set([429, 503]);

function askBy(client: AnswerClient, read: BenchOptions): Ask {
  return async (planned, onToken, signal): Promise<Answered> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(read.timeout * 1000)]);
    try {
      const parts = client.ask({ api: read.api, body: bodyOf(planned, read), signal: limit });
      let part = await parts.next();
      for (; part.done !== true; part = await parts.next()) onToken();
      const { tokens, promptTokens } = part.value;
      return {
        outcome: 'ok',
        ...(tokens === undefined ? {} : { tokens }),
        ...(promptTokens === undefined ? {} : { promptTokens }),
      };
    } catch (error) {
      const message = messageOf(error);
      if (!(error instanceof AnswerRefused)) return { outcome: 'failed', error: message };
      return { outcome: refusing.has(error.status) ? 'refused' : 'failed', status: error.status, error: message };
    }
  };
}

function bodyOf(planned: PlannedRequest, read: BenchOptions): Readonly<Record<string, unknown>> {
  const { api, tokenIds, temperature, stopEarly } = read;
  const common = {
    model: planned.model,
    max_tokens: planned.answerTokens,
    temperature,
    ...(stopEarly ? {} : { ignore_eos: true }),
  };
  if (tokenIds !== undefined) return { ...common, prompt: promptIds(planned, read, tokenIds) };
  const text = promptText(planned, read);
  return api === 'chat' ? { ...common, messages: [{ role: 'user', content: text }] } : { ...common, prompt: text };
}
