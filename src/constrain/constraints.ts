import { createHash } from 'node:crypto';

import { EspalierError, finishInSlices, LeastRecentlyUsed } from '../core/index.ts';
import type { Tokenizer, TokenVocabulary } from '../tokenizer/index.ts';
import type { ConstraintSpec } from './constraint-spec.ts';
import { Constraint } from './constraint.ts';
import { formOf } from './form-of.ts';
import { limits } from './limits.ts';
import { buildTokenIndex, type TokenIndex } from './vocabulary/token-index.ts';

/**
 * Compiles forms for vocabularies, in slices. Forms that were compiled lately are kept, and the tokens of a vocabulary are read once.
 * Tokenizers that have a vocabulary in common share both.
 */
export class Constraints {
  readonly #vocabularies = new WeakMap<TokenVocabulary, KnownVocabulary>();

  /**
   * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_UNSUPPORTED, CONSTRAINT_TOO_LARGE; CONSTRAINT_UNWRITABLE if the tokenizer has no
   *   token with which an answer could begin
   */
  of(spec: ConstraintSpec, { vocabulary }: Pick<Tokenizer, 'vocabulary'>): Promise<Constraint> {
    const known = this.#known(vocabulary);
    const key = keyOf(spec);
    const kept = known.forms.get(key);
    if (kept !== undefined) return kept;
    const constraint = compile(spec, known.index);
    known.forms.set(key, constraint);
    return constraint;
  }

  #known(vocabulary: TokenVocabulary): KnownVocabulary {
    const known = this.#vocabularies.get(vocabulary);
    if (known !== undefined) return known;
    const made = {
      index: finishInSlices(buildTokenIndex(vocabulary)),
      forms: new LeastRecentlyUsed<Promise<Constraint>>(limits.forms, () => undefined),
    };
    this.#vocabularies.set(vocabulary, made);
    return made;
  }
}

interface KnownVocabulary {
  readonly index: Promise<TokenIndex>;
  readonly forms: LeastRecentlyUsed<Promise<Constraint>>;
}

async function compile(spec: ConstraintSpec, reading: Promise<TokenIndex>): Promise<Constraint> {
  const index = await reading;
  const form = await finishInSlices(formOf(spec, index.writable));
  const constraint = new Constraint(form, index);
  const { start } = constraint;
  const mask = await finishInSlices(constraint.findMask(start));
  if (mask.count === 0 && !start.canEnd) {
    throw new EspalierError('CONSTRAINT_UNWRITABLE', { problem: 'it has no token with which the answer could begin' });
  }
  return constraint;
}

function keyOf(spec: ConstraintSpec): string {
  const json = JSON.stringify(spec);
  if (json.length > limits.schema) {
    throw new EspalierError('CONSTRAINT_TOO_LARGE', { what: 'its characters', limit: limits.schema });
  }
  return createHash('sha256').update(json).digest('base64');
}
