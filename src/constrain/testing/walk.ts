import { createRandom, type Random } from '../../core/index.ts';
import type { Constraint } from '../constraint.ts';
import { type TokenMask } from '../vocabulary/token-mask.ts';

/** An answer of a model whose logits are random. */
export interface RandomAnswer {
  readonly tokens: readonly number[];
  /** False where the limit came before the end. */
  readonly isComplete: boolean;
}

export interface AnswerOptions {
  readonly seed: number;
  /** The token that ends an answer. */
  readonly end: number;
  readonly most: number;
  /** Added to the logit of the end where it may come, so that answers end. */
  readonly haste?: number;
}

/** Draws an answer through the processor, as the engine does: the likeliest token of logits that are random. */
export function drawAnswer(constraint: Constraint, { seed, end, most, haste = 0 }: AnswerOptions): RandomAnswer {
  const random = createRandom(seed, 'answer');
  const processor = constraint.processor({ ends: [end] });
  const logits = new Float32Array(constraint.vocabulary + 3);
  const tokens: number[] = [];
  while (tokens.length < most) {
    fill(logits, random);
    logits[end] = (logits[end] ?? 0) + haste;
    processor.process(logits);
    const token = logits.reduce((best, logit, id) => (logit > (logits[best] ?? 0) ? id : best), 0);
    processor.note(token);
    if (token === end) return { tokens, isComplete: true };
    tokens.push(token);
  }
  return { tokens, isComplete: false };
}

function fill(logits: Float32Array, random: Random): void {
  for (let id = 0; id < logits.length; id++) logits[id] = random.uniform();
}

/** The tokens of a mask. */
export function tokensOf(mask: TokenMask, size: number): number[] {
  const all = Array.from({ length: size }, (_, id) => id);
  if (mask.kind === 'bits') return all.filter((id) => (((mask.words[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 1);
  const named = new Set(mask.tokens);
  return all.filter((id) => named.has(id) === (mask.kind === 'allowed'));
}
