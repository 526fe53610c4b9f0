import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ask, createClient } from './ask.ts';
import { demoDefaults, questions, type DemoOptions } from './options.ts';
import { formatReport, type DemoReport } from './report.ts';
import { secondAct } from './second-act.ts';
import { startServer } from './server-handle.ts';
import { swapUnderLoad } from './swap-under-load.ts';
import { trainPolicies } from './train-policies.ts';

const usage = `Trains two adapters on the base that the repository ships, serves them with the base in one batch, and
replaces one of them while clients ask. Then a bad version and a good one are dropped into a store. Ends with a report.

  npm run demo -- [--swaps 50] [--clients 16] [--epochs 3] [--threads N] [--json]
`;

/** Runs the whole demo. The exit code is 1 if a request failed, an answer was mixed, or a roll-out ended otherwise than it should. */
async function main(): Promise<void> {
  const options = readArguments();
  if (options === undefined) {
    process.stdout.write(usage);
    return;
  }
  const tell = (line: string): void => void (options.json || process.stdout.write(`${line}\n`));
  const folder = await mkdtemp(join(tmpdir(), 'espalier-demo-'));
  try {
    const report = await runDemo(folder, options, tell);
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : formatReport(report));
    if (!isGood(report)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type FirstAct = Pick<DemoReport, 'answers' | 'swap' | 'servingDelay' | 'serverPeakRssMb'>;

async function runDemo(folder: string, options: DemoOptions, tell: (line: string) => void): Promise<DemoReport> {
  const begin = performance.now();
  tell('Training on the shipped base:');
  const { policies, eventLoopDelay: trainingDelay } = await trainPolicies(folder, options, tell);
  const { base, threads } = options;
  const first = await serveBoth(folder, options, tell);
  tell('\nSecond act: a bad version and then a good one are dropped into a store, under load.');
  const store = join(folder, 'store');
  const server = await startServer({ base, store, threads });
  try {
    const { rollouts } = await secondAct({ url: server.url, store, adapters: folder, clients: options.clients });
    const seconds = (performance.now() - begin) / 1000;
    return { policies, ...first, trainingDelay, rollouts, seconds };
  } finally {
    await server.close();
  }
}

/** The first act: the base and two policies in one batch, and replacements under load. */
async function serveBoth(folder: string, options: DemoOptions, tell: (line: string) => void): Promise<FirstAct> {
  const { base, threads } = options;
  const server = await startServer({ base, adapters: folder, threads });
  try {
    tell(`\nServing at ${server.url}; the same questions to the base and both policies, in one batch.`);
    const answers = await askEveryone(server.url, [server.baseName, 'risk-strict', 'risk-lenient']);
    tell(`Replacing risk-strict ${options.swaps} times while ${options.clients} clients ask …`);
    server.watch();
    const swap = await swapUnderLoad(server.url, server.baseName, options);
    const { delay: servingDelay, peakRssMb } = await server.stopWatching();
    return { answers, swap, servingDelay, serverPeakRssMb: peakRssMb };
  } finally {
    await server.close();
  }
}

/** Whether no request failed, no answer was mixed, and both roll-outs ended as they should. */
function isGood({ swap, rollouts }: DemoReport): boolean {
  const phases = rollouts.map(({ phase }) => phase).join();
  return swap.failed + swap.mixed === 0 && rollouts.every(({ failed }) => failed === 0) && phases === 'failed,promoted';
}

async function askEveryone(url: string, models: readonly string[]): Promise<DemoReport['answers']> {
  const client = createClient(url);
  return Promise.all(
    questions.map(async (question) => {
      const answers = await Promise.all(models.map((model) => ask(client, model, question)));
      return { question, answers: models.map((model, i) => ({ model, text: answers[i]?.text ?? '' })) };
    }),
  );
}

function readArguments(): DemoOptions | undefined {
  const { values } = parseArgs({
    options: {
      swaps: { type: 'string' },
      clients: { type: 'string' },
      epochs: { type: 'string' },
      threads: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return undefined;
  const count = (name: 'swaps' | 'clients' | 'epochs' | 'threads'): number => {
    const value = values[name] === undefined ? demoDefaults[name] : Number(values[name]);
    if (!Number.isSafeInteger(value) || value < 1) throw new Error(`--${name} takes a whole number above 0`);
    return value;
  };
  return {
    ...demoDefaults,
    swaps: count('swaps'),
    clients: count('clients'),
    epochs: count('epochs'),
    threads: count('threads'),
    json: values.json === true,
  };
}

await main();
