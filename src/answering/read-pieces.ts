import type { AnswerPart } from '../chat/index.ts';
import type { Piece } from './pieces.ts';
import type { Reading } from './reading.ts';
import type { ToolCallDelta } from './tool-call-delta.ts';

/**
 * Reads the texts of pieces into words, thoughts and calls of tools. An answer that calls a tool ends for that reason; one that may call
 * only one ends behind it.
 */
export async function* readPieces(pieces: AsyncIterable<Piece>, reading: Reading): AsyncIterable<Piece> {
  const reader = reading.createReader();
  const writer = new PieceWriter(reading);
  for await (const piece of pieces) {
    const wasThinking = reader.isThinking;
    const parts = [...reader.push(piece.text)];
    const isEnded = reader.isEnded;
    const finish = piece.finishReason ?? (isEnded ? 'stop' : undefined);
    if (finish !== undefined) parts.push(...reader.end());
    const isThought = reader.isThinking || (wasThinking && parts.some(({ kind }) => kind === 'reasoning'));
    const finishReason = finish === 'stop' && reader.calls > 0 ? 'tool_calls' : finish;
    yield* writer.write(parts, {
      ...piece,
      reasoningTokens: isThought ? piece.generated : 0,
      ...(finishReason && { finishReason }),
    });
    if (isEnded) return;
  }
}

/** Writes parts as pieces. Most often all parts of a token are one piece. */
class PieceWriter {
  readonly #reading: Reading;
  #calls = 0;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  /** @param of  the piece that the parts were read from */
  write(parts: readonly AnswerPart[], of: Piece): readonly Piece[] {
    const { finishReason, stopString, text: _text, ...first } = of;
    const drafts: Draft[] = [{ text: '', reasoning: '', toolCalls: [] }];
    for (const part of parts) {
      const draft = drafts.at(-1);
      if (draft !== undefined && fits(part, draft)) this.#add(part, draft);
      else this.#add(part, drafts[drafts.push({ text: '', reasoning: '', toolCalls: [] }) - 1]);
    }
    return drafts.map((draft, index) => ({
      ...(index === 0 ? first : { tokenIds: [], generated: 0 }),
      text: draft.text,
      ...(draft.reasoning !== '' && { reasoning: draft.reasoning }),
      ...(draft.toolCalls.length > 0 && { toolCalls: draft.toolCalls }),
      ...(index === drafts.length - 1 && { ...(finishReason && { finishReason }), ...(stopString && { stopString }) }),
    }));
  }

  #add(part: AnswerPart, draft: Draft | undefined): void {
    if (draft === undefined) return;
    if (part.kind === 'text') draft.text += part.text;
    else if (part.kind === 'reasoning') draft.reasoning += this.#reading.showsThoughts ? part.text : '';
    else if (part.kind === 'call') draft.toolCalls.push(this.#begin(part.name));
    else draft.toolCalls.push({ index: this.#calls - 1, arguments: part.text });
  }

  #begin(name: string): ToolCallDelta {
    return { index: this.#calls++, id: this.#reading.newCallId(), name, arguments: '' };
  }
}

interface Draft {
  text: string;
  reasoning: string;
  toolCalls: ToolCallDelta[];
}

/** Whether a part may stand in a piece behind what it has: thoughts, then words, then calls. */
function fits({ kind }: AnswerPart, { text, toolCalls }: Draft): boolean {
  if (kind === 'reasoning') return text === '' && toolCalls.length === 0;
  return kind !== 'text' || toolCalls.length === 0;
}
