import type { Dim, Shape } from '../dim.ts';
import type { InferRule, InferRules } from './infer-rule.ts';

/** Each letter is a dimension: 'bij,bjk->bik'. Without an arrow, the output has the letters that occur once, in alphabetical order. */
const einsum: InferRule = (op) => {
  const equation = op.node.stringAttribute('equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const dims = new Map<string, Dim>();
  const terms = left.split(',');
  if (equation.includes('.')) return { dtype: op.dtype(0) };
  for (const [index, term] of terms.entries()) note(dims, term, op.shape(index));
  const output = right ?? lettersOnce(terms.join(''));
  return { dtype: op.dtype(0), shape: [...output].map((letter) => dims.get(letter)) };
};

function note(dims: Map<string, Dim>, term: string, shape: Shape | undefined): void {
  for (const [axis, letter] of [...term].entries()) {
    const [known, dim] = [dims.get(letter), shape?.[axis]];
    if (known === undefined || known === 1 || (typeof dim === 'number' && dim !== 1)) dims.set(letter, dim ?? known);
  }
}

function lettersOnce(letters: string): string {
  return [...letters]
    .filter((letter) => letters.split(letter).length === 2)
    .sort()
    .join('');
}

export const einsumRules: InferRules = { Einsum: einsum };
