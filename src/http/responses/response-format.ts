import type { AnswerFormat, StreamEvent } from '../answering/answer-format.ts';
import type { Piece, Usage, WholePiece } from '../../answering/index.ts';
import { openAiErrorOf } from '../openai/openai-error.ts';
import type { OutputItem } from './items.ts';
import { topLogprobsOf } from './chat-request-of.ts';
import { OutputWriter } from './output-writer.ts';
import type { ResponseEvent } from './response-event.ts';
import { responseObject, type ResponseHead, type ResponseObject, type ResponseState } from './response-object.ts';

export interface ResponseFormatOptions extends ResponseHead {
  /** Takes a response that has ended, to keep it. Not called for one that failed. */
  readonly ended: (response: ResponseObject, output: readonly OutputItem[]) => void;
}

/**
 * Writes an answer as a response. Its events are numbered from 0, and its last one holds the whole response, as the same request
 * without `stream` gets it.
 */
export class ResponseFormat implements AnswerFormat {
  readonly #options: ResponseFormatOptions;
  readonly #output: OutputWriter;
  #sequence = 0;
  #isBegun = false;
  #isCut = false;

  constructor(options: ResponseFormatOptions) {
    const { body } = options;
    this.#options = options;
    this.#output = new OutputWriter({
      withLogprobs: topLogprobsOf(body) !== undefined,
      carriesThoughts: body.include?.includes('reasoning.encrypted_content') === true,
    });
  }

  gather(_index: number, piece: Piece): void {
    this.#take(piece);
  }

  whole(_choices: readonly WholePiece[], usage: Usage): object {
    this.#output.end(this.#isCut);
    return this.#ended(usage);
  }

  begin(): readonly StreamEvent[] {
    if (this.#isBegun) return [];
    this.#isBegun = true;
    const response = this.#response({ status: 'in_progress', output: [], usage: undefined });
    return this.#numbered([
      { type: 'response.created', response },
      { type: 'response.in_progress', response },
    ]);
  }

  piece(_index: number, piece: Piece): readonly StreamEvent[] {
    return this.#numbered(this.#take(piece));
  }

  end(usage: Usage): readonly StreamEvent[] {
    const events = this.#output.end(this.#isCut);
    const response = this.#ended(usage);
    return this.#numbered([...events, { type: this.#isCut ? 'response.incomplete' : 'response.completed', response }]);
  }

  failed(error: unknown): readonly StreamEvent[] {
    const begun = this.begin();
    const told = { error: errorOf(error) };
    const response = this.#response({ status: 'failed', output: this.#output.items(), usage: undefined, ...told });
    return [...begun, ...this.#numbered([{ type: 'response.failed', response }])];
  }

  #take(piece: Piece): readonly ResponseEvent[] {
    if (piece.finishReason === 'length') this.#isCut = true;
    return this.#output.write(piece);
  }

  #ended(usage: Usage): ResponseObject {
    const output = this.#output.items();
    const response = this.#response({ status: this.#isCut ? 'incomplete' : 'completed', output, usage });
    this.#options.ended(response, output);
    return response;
  }

  #response(state: ResponseState): ResponseObject {
    return responseObject(this.#options, state);
  }

  #numbered(events: readonly ResponseEvent[]): readonly StreamEvent[] {
    return events.map((event) => ({ name: event.type, data: { ...event, sequence_number: this.#sequence++ } }));
  }
}

/** An error in a response: its code is one of those that OpenAI's clients know, and its type is our own code. */
function errorOf(error: unknown): object {
  const { status, body } = openAiErrorOf(error);
  const { message, code, param } = body.error;
  return { code: status === 429 ? 'rate_limit_exceeded' : 'server_error', message, param, type: code };
}
