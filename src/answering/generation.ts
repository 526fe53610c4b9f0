import type { Constraint } from '../constrain/index.ts';
import { Pace } from '../core/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { Caller } from './caller.ts';
import type { Prompt } from './echo.ts';
import type { GenerationEngine, GenerationRequest, Reservation } from '../service/index.ts';
import { type Drawing, samplingAt } from './drawing.ts';
import { piecesOf, type Piece } from './pieces.ts';
import { readPieces } from './read-pieces.ts';
import type { Reading } from './reading.ts';

/** One choice of an answer that is being generated. */
export interface Choice {
  readonly index: number;
  /** Prompt tokens that were not run. 0 for all choices but the first of a prompt. Known with the first piece. */
  readonly cachedTokens: number;
  readonly pieces: AsyncIterable<Piece>;
}

export interface StartOptions {
  readonly engine: GenerationEngine;
  readonly tokenizer: Tokenizer | undefined;
  readonly prompts: readonly Prompt[];
  readonly adapters: GenerationRequest['adapters'];
  readonly drawing: Drawing;
  readonly maxTokens: number;
  /** Changes to the logits of each choice. */
  readonly logitsFunctions?: GenerationRequest['logitsFunctions'];
  /** The form that each choice follows. */
  readonly constraint?: Constraint | undefined;
  readonly eosTokenIds: readonly number[];
  /** Whether the answer continues the text of the prompt; false for a turn of a chat. */
  readonly continuesPrompt: boolean;
  /** Whether the answer begins with the prompt. */
  readonly echo: boolean;
  /** How the texts are read. undefined: as plain text. */
  readonly reading: Reading | undefined;
  readonly signal: AbortSignal;
  readonly caller?: Caller | undefined;
  /** Places in the queue, one for each choice. */
  readonly place: Reservation | undefined;
}

/**
 * Starts `n` choices for each prompt, in slices. If one is refused, the caller must abort `signal`, so that none remains.
 * @throws EspalierError the errors of the engine's `generate`, before any answer was begun
 */
export async function startChoices(options: StartOptions): Promise<Choice[]> {
  const { drawing, prompts, place } = options;
  const shared = { stops: stopsOf(options), stopTokenIds: stopTokensOf(options) };
  const pace = new Pace();
  const choices: Choice[] = [];
  for (const prompt of prompts) {
    // WHY no turn within a prompt: its choices have to wait together, so that its tokens are run once.
    for (let nth = 0; nth < drawing.n; nth++) {
      choices.push(startChoice(options, { prompt, nth, index: choices.length, ...shared }));
    }
    const turn = pace.step();
    if (turn) await turn;
  }
  place?.[Symbol.dispose]();
  return choices;
}

/** What the client names, and the mark that ends a turn of a chat. */
function stopsOf({ drawing, tokenizer, continuesPrompt }: StartOptions): readonly string[] {
  const mark = continuesPrompt || drawing.ignoresEnds ? undefined : tokenizer?.turnMark;
  return [...drawing.stops, ...(mark === undefined ? [] : [mark])];
}

function stopTokensOf({ drawing, eosTokenIds }: StartOptions): ReadonlySet<number> {
  return new Set([...(drawing.ignoresEnds ? [] : eosTokenIds), ...drawing.stopTokenIds]);
}

interface ChoiceOf {
  readonly index: number;
  readonly prompt: Prompt;
  /** Number of the choice among those of its prompt, from 0. */
  readonly nth: number;
  readonly stops: readonly string[];
  /** The same object for all choices of a request. */
  readonly stopTokenIds: ReadonlySet<number>;
}

function startChoice(options: StartOptions, choice: ChoiceOf): Choice {
  const { topLogprobs, namesByIds: asIds, sampling } = options.drawing;
  const { index, prompt, nth, stops } = choice;
  const { reading } = options;
  const stream = options.engine.generate(requestOf(options, choice));
  const pieces = piecesOf(stream, {
    tokenizer: options.tokenizer,
    prompt,
    continuesPrompt: options.continuesPrompt,
    stops,
    minTokens: sampling.minTokens ?? 0,
    echo: options.echo,
    visible: reading?.visible,
    naming: topLogprobs === undefined ? undefined : { asIds },
  });
  return {
    index,
    get cachedTokens() {
      return nth === 0 ? (stream.cachedTokens ?? 0) : 0;
    },
    pieces: reading ? readPieces(pieces, reading) : pieces,
  };
}

function requestOf(options: StartOptions, { prompt, nth, stopTokenIds }: ChoiceOf): GenerationRequest {
  const { drawing, echo, place, constraint, logitsFunctions } = options;
  const { topLogprobs } = drawing;
  return {
    tokens: prompt.tokens,
    ...(drawing.n > 1 ? { promptGroup: prompt } : {}),
    adapters: options.adapters,
    maxTokens: options.maxTokens,
    ...samplingAt(drawing, nth),
    stopTokenIds,
    ...(logitsFunctions && { logitsFunctions }),
    ...(constraint && { processors: [constraint.processor({ ends: stopTokenIds })] }),
    ...(topLogprobs === undefined ? {} : { logprobs: { top: topLogprobs, prompt: echo } }),
    ...options.caller,
    ...(place && { reservation: place }),
    signal: options.signal,
  };
}
