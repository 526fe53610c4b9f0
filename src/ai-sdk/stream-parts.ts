import type { LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { Piece } from '../library/index.ts';
import { finishReasonOf, metadataOf, toolCallOf, usageOf } from './answer-parts.ts';

/** What is being written: a block of words or thoughts, or a call of a tool. */
type Open =
  | { readonly kind: 'text' | 'reasoning'; readonly id: string }
  | { readonly kind: 'tool-input'; readonly id: string; readonly name: string; input: string };

/** Writes the pieces of an answer as parts of a stream of the AI SDK. One block is open at a time. */
export class StreamParts {
  readonly #parts: LanguageModelV4StreamPart[] = [];
  #open: Open | undefined;
  #blocks = 0;

  /** @returns what a piece adds; with its last piece, all that ends the answer */
  write({
    text,
    reasoning = '',
    toolCalls = [],
    finishReason,
    usage,
    answeredBy = [],
  }: Piece): LanguageModelV4StreamPart[] {
    this.#words('reasoning', reasoning);
    this.#words('text', text);
    for (const { id, name = '', arguments: input } of toolCalls) {
      if (id !== undefined) this.#begin({ kind: 'tool-input', id, name, input: '' });
      this.#input(input);
    }
    if (finishReason !== undefined && usage !== undefined) {
      this.close();
      this.#parts.push({
        type: 'finish',
        finishReason: finishReasonOf(finishReason),
        usage: usageOf(usage),
        providerMetadata: metadataOf(answeredBy),
      });
    }
    return this.#parts.splice(0);
  }

  /** Ends the block that is open. */
  close(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    if (open.kind !== 'tool-input') {
      this.#parts.push({ type: `${open.kind}-end`, id: open.id });
      return;
    }
    this.#parts.push({ type: 'tool-input-end', id: open.id }, toolCallOf(open));
  }

  #words(kind: 'text' | 'reasoning', delta: string): void {
    if (delta === '') return;
    if (this.#open?.kind !== kind) this.#begin({ kind, id: `${kind}-${this.#blocks++}` });
    this.#parts.push({ type: `${kind}-delta`, id: this.#open?.id ?? '', delta });
  }

  #input(delta: string): void {
    if (delta === '' || this.#open?.kind !== 'tool-input') return;
    this.#open.input += delta;
    this.#parts.push({ type: 'tool-input-delta', id: this.#open.id, delta });
  }

  #begin(open: Open): void {
    this.close();
    this.#open = open;
    if (open.kind === 'tool-input') {
      this.#parts.push({ type: 'tool-input-start', id: open.id, toolName: open.name });
      return;
    }
    this.#parts.push({ type: `${open.kind}-start`, id: open.id });
  }
}
