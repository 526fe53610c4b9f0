/**
 * What must not compile, and what must. `npm run typecheck` reads this file; nothing runs it. An expectation of an error that
 * does not come is an error itself.
 */
import type { ServerOptions } from '../src/http/index.ts';
import {
  loadModel,
  serve,
  train,
  type LocalModel,
  type ServeOptions,
  type TrainEvent,
  type TrainOptions,
} from '../src/index.ts';

const needed = { base: 'base', data: 'rows.jsonl', output: 'out' };
declare const model: LocalModel;
const messages = [{ role: 'user', content: 'Hello' }];

export const trainings: readonly TrainOptions[] = [
  {
    ...needed,
    rank: 16,
    learningRate: 2e-4,
    targetModules: ['q_proj'],
    initLoraWeights: 'pissa_niter_16',
    full: false,
  },
  { ...needed, labels: ['bad', 'good'] as const, layersToTransform: 0, rankPattern: { q_proj: 4 }, schedule: 'cosine' },
  // @ts-expect-error a word is no number
  { ...needed, rank: '16' },
  // @ts-expect-error no such option
  { ...needed, lerningRate: 1e-3 },
  // @ts-expect-error no such schedule
  { ...needed, schedule: 'cosin' },
  // @ts-expect-error a list of numbers
  { ...needed, layersToTransform: '0,1' },
  // @ts-expect-error a list of names
  { ...needed, labels: 'bad,good' },
  // @ts-expect-error no such beginning
  { ...needed, initLoraWeights: 'pisa' },
  // @ts-expect-error numbers by name
  { ...needed, rankPattern: { q_proj: '4' } },
  // @ts-expect-error the data are missing
  { base: 'base', output: 'out' },
];

export async function calls(): Promise<void> {
  await train(needed, { onEvent: (event) => void kindOf(event), signal: new AbortController().signal, threads: 2 });
  const training = train(needed);
  for await (const event of training.events) kindOf(event) satisfies number;
  (await training).steps satisfies number;
  // @ts-expect-error a number of threads
  await train(needed, { threads: '2' });
  // @ts-expect-error no such option
  await train(needed, { onEvents: () => undefined });
  await loadModel('base', { adapters: { strict: 'adapters/strict' }, maxSlots: 4 });
  // @ts-expect-error paths by name
  await loadModel('base', { adapters: ['adapters/strict'] });
  // @ts-expect-error no such option
  await loadModel('base', { maxSlot: 4 });
  await serve({ base: 'base', adapters: 'adapters', port: 0, models: { digits: 'digits.onnx' } });
  // @ts-expect-error a port is a number
  await serve({ base: 'base', port: '0' });
  await model.chat({ messages, adapter: 'strict', maxTokens: 100 });
  await model.chat({ messages, adapter: [{ name: 'strict', scale: 0.5 }], stop: ['\n'], logitBias: { 5: -100 } });
  await model.chat({
    messages,
    tools: [{}],
    toolChoice: { name: 'search' },
    reasoningEffort: 'none',
    maxTokens: Infinity,
  });
  // @ts-expect-error no such choice
  await model.chat({ messages, toolChoice: 'any' });
  // @ts-expect-error a number
  await model.chat({ messages, temperature: '0.5' });
  // @ts-expect-error OpenAI's spelling is not ours
  await model.chat({ messages, max_tokens: 100 });
  // @ts-expect-error a chat has messages
  await model.chat({ prompt: 'Hello' });
  // @ts-expect-error either messages or a prompt
  for await (const _ of model.stream({ adapter: 'strict' })) break;
  const { text, tokens, finishReason } = await model.generate({ prompt: 'Dear customer,' });
  const answer: [string, readonly number[], 'stop' | 'length' | 'tool_calls'] = [text, tokens, finishReason];
  const { logprobs, perplexity } = await model.score({ text: 'Hello' });
  const score: [readonly (number | null)[], number] = [logprobs, perplexity];
  await model.load(answer[0], String(score[1]));
}

/** Every kind of event has its own fields. */
function kindOf(event: TrainEvent): number {
  switch (event.kind) {
    case 'planned':
      return event.plan.steps;
    case 'stepped':
      return event.metrics.loss;
    case 'warned':
      return event.message.length;
    case 'sampled':
      return event.when.length + event.prompt.length + event.text.length;
    case 'evaluated':
      return event.loss;
    case 'resumed':
      return event.step + event.checkpoint.length;
    case 'saved':
      return event.seconds;
    default:
      return event satisfies never;
  }
}

/** Whatever a server can be opened with, `serve` offers; what only this repository uses is named here. */
type OnlyInside = 'environment' | 'logger';
export const complete: [Exclude<keyof ServerOptions, keyof ServeOptions | OnlyInside>] extends [never] ? true : false =
  true;
