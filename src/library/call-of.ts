import { assertToolChoice, type AnswerPlan, chatPlan, type ChatRequest, type Drawing } from '../answering/index.ts';
import { FieldProblem, readMessages, readTools, readVariables } from '../chat/index.ts';
import { definedOnly, EspalierError } from '../core/index.ts';
import type { LogitsFunction, NamedLogitsFunction } from '../engine/index.ts';
import { constraintSpecOf } from './answer-format.ts';
import {
  chatSchema,
  type ChatOptions,
  generateSchema,
  type GenerateOptions,
  type SamplingOptions,
} from './generate-options.ts';
import { asOptionError } from './option-error.ts';
import { readOptions } from './read-options.ts';

/** What a call asks. */
export interface Call {
  readonly adapter: SamplingOptions['adapter'];
  readonly signal: AbortSignal | undefined;
  readonly plan: AnswerPlan;
  /** What the call cannot be answered without. */
  readonly needs: 'template' | 'tokenizer' | 'nothing';
}

/**
 * Reads the options of `chat`, `generate` and `stream`.
 * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID, GENERATION_OPTION_INVALID
 */
export function callOf(options: ChatOptions | GenerateOptions): Call {
  return 'messages' in options ? chatOf(options) : continuationOf(options);
}

function chatOf(options: ChatOptions): Call {
  const { messages, tools, chatTemplateKwargs, ...rest } = readOptions(chatSchema, options, 'chat');
  const { toolChoice = 'auto', parallelToolCalls = true, reasoningEffort: effort, ...sampling } = rest;
  const given = orThrow('tools', readTools(tools));
  assertChoice(given, toolChoice, sampling);
  const chat: ChatRequest = {
    // WHY empty: the name is for the answers of a server.
    model: '',
    messages: orThrow('messages', readMessages(messages)).messages,
    tools: given,
    toolChoice,
    parallelToolCalls,
    variables: orThrow('', readVariables(chatTemplateKwargs, undefined)),
    documents: undefined,
    reasoning: { effort, isShown: true },
    constraint: constraintOf(sampling),
    drawing: drawingOf(sampling),
    length: lengthOf(sampling),
    isStreamed: true,
    paramOf: (path) => new FieldProblem(path, '').place,
  };
  return { adapter: sampling.adapter, signal: sampling.signal, plan: chatPlan(chat), needs: 'template' };
}

function continuationOf(options: GenerateOptions): Call {
  const { prompt, ...sampling } = readOptions(generateSchema, options, 'generate');
  const plan: AnswerPlan = {
    drawing: drawingOf(sampling),
    constraint: constraintOf(sampling),
    prompts: async ({ tokenizer }) => {
      if (typeof prompt !== 'string') return [{ tokens: prompt }];
      return [{ text: prompt, tokens: (await tokenizer?.encodeInSlices(prompt, { bos: true })) ?? [] }];
    },
    length: lengthOf(sampling),
    continuesPrompt: true,
    echo: false,
  };
  const needs = typeof prompt === 'string' || sampling.format !== undefined ? 'tokenizer' : 'nothing';
  return { adapter: sampling.adapter, signal: sampling.signal, plan, needs };
}

/** How tokens are drawn. Without a temperature the likeliest is taken. */
function drawingOf(options: SamplingOptions): Drawing {
  const { minTokens, temperature = 0, topK, topP, minP, seed, stop = [], stopTokenIds = [], logitBias } = options;
  const { typicalP, logitsProcessors = [], presencePenalty, frequencyPenalty, repetitionPenalty } = options;
  const biases = logitBias && new Map(Object.entries(logitBias).map(([id, bias]) => [Number(id), bias]));
  const penalties = { presencePenalty, frequencyPenalty, repetitionPenalty };
  return {
    sampling: {
      temperature,
      ...definedOnly({ minTokens, topK, topP, minP, typicalP, seed, ...penalties, logitBias: biases }),
    },
    processors: logitsProcessors.map(named),
    n: 1,
    stops: typeof stop === 'string' ? [stop] : stop,
    stopTokenIds,
    ignoresEnds: false,
    topLogprobs: options.logprobs,
    namesByIds: false,
  };
}

/** WHY the place where a function has no name: an error has to say which it was. */
function named(change: LogitsFunction, place: number): NamedLogitsFunction {
  return { name: change.name === '' ? `logitsProcessors[${place}]` : change.name, change };
}

const defaultMaxTokens = 128;

/** WHY cut to what fits: the model of a program may be opened with any length, and the program reads why an answer ended. */
function lengthOf({ maxTokens = defaultMaxTokens }: SamplingOptions): AnswerPlan['length'] {
  return { param: 'maxTokens', asked: maxTokens === 0 ? 0 : undefined, byDefault: maxTokens };
}

function constraintOf({ format, minTokens = 0 }: SamplingOptions): AnswerPlan['constraint'] {
  if (format === undefined) return undefined;
  assertFree(minTokens, 'the answer has a form, which says where it ends');
  return { spec: constraintSpecOf(format), param: 'format' };
}

function assertChoice(
  tools: ChatRequest['tools'],
  choice: ChatRequest['toolChoice'],
  { minTokens = 0 }: SamplingOptions,
): void {
  if (choice === 'auto' || choice === 'none') return;
  try {
    assertToolChoice(tools, choice, 'toolChoice');
  } catch (error) {
    throw asOptionError(error);
  }
  assertFree(minTokens, 'a call is required, which ends where it is complete');
}

function assertFree(minTokens: number, reason: string): void {
  if (minTokens === 0) return;
  throw new EspalierError('GENERATION_OPTION_INVALID', {
    name: 'minTokens',
    expected: `0 where ${reason}`,
    actual: minTokens,
  });
}

function orThrow<Value>(name: string, read: Value | FieldProblem): Value {
  if (!(read instanceof FieldProblem)) return read;
  const { place, problem } = name === '' ? read : read.within(name);
  throw new EspalierError('OPTION_INVALID', { name: place, expected: 'a value that can be rendered', actual: problem });
}
