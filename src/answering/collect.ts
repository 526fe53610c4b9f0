import type { Piece } from './pieces.ts';
import type { NamedToken } from './token-names.ts';
import type { ToolCallDelta, WholeToolCall } from './tool-call-delta.ts';

/** A choice as a whole. */
export interface WholePiece extends Piece {
  readonly toolCalls?: readonly WholeToolCall[];
}

/** Reads a choice to its end. @param seen  is called with each piece */
export async function collect(pieces: AsyncIterable<Piece>, seen?: (piece: Piece) => void): Promise<WholePiece> {
  let text = '';
  let reasoning: string | undefined;
  let [generated, reasoningTokens] = [0, 0];
  const tokenIds: number[] = [];
  const calls: WholeToolCall[] = [];
  let logprobs: NamedToken[] | undefined;
  let finishReason: Piece['finishReason'];
  let stopString: Piece['stopString'];
  for await (const piece of pieces) {
    seen?.(piece);
    text += piece.text;
    if (piece.reasoning !== undefined) reasoning = (reasoning ?? '') + piece.reasoning;
    generated += piece.generated;
    reasoningTokens += piece.reasoningTokens ?? 0;
    for (const id of piece.tokenIds) tokenIds.push(id);
    for (const delta of piece.toolCalls ?? []) addToolCallDelta(calls, delta);
    if (piece.logprobs) (logprobs ??= []).push(...piece.logprobs);
    finishReason = piece.finishReason ?? finishReason;
    stopString = piece.stopString ?? stopString;
  }
  return {
    text,
    tokenIds,
    generated,
    reasoningTokens,
    ...(reasoning !== undefined && { reasoning }),
    ...(calls.length > 0 && { toolCalls: calls }),
    ...(logprobs && { logprobs }),
    ...(finishReason && { finishReason }),
    ...(stopString !== undefined && { stopString }),
  };
}

/** Adds the next part of a call to the calls so far. */
export function addToolCallDelta(calls: WholeToolCall[], { index, id, name, arguments: text }: ToolCallDelta): void {
  const begun = calls[index] ?? { index, id: id ?? '', name: name ?? '', arguments: '' };
  calls[index] = { ...begun, arguments: begun.arguments + text };
}
