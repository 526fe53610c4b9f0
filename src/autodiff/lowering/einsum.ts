import type { Node, Tape, Value } from '../../ir/index.ts';
import { mul, sumOver } from '../emit.ts';
import { notDefined } from '../not-defined.ts';
import { dimValue } from './dimensions.ts';
import type { Lowering } from './lowering.ts';

/** A value and its letters, one for each axis. */
interface Term {
  readonly letters: string;
  readonly value: Value;
}

/**
 * Einsum: products over equal letters, summed over the letters that the output does not have. The terms are contracted pairwise, each
 * pair with one batched matrix product. Shared letters that are needed later are batch axes; other shared letters are summed over.
 * @see ONNX Einsum-12
 */
export const einsumLowering: Lowering = {
  opType: 'Einsum',
  lower({ tape, node }) {
    const { terms, output } = parse(node);
    const summed = terms.map((term, index) => sumAlone(tape, term, [output, ...others(terms, index)].join('')));
    const [first, ...rest] = summed;
    if (first === undefined) return undefined;
    let total = first;
    for (const [index, term] of rest.entries()) {
      const later = [output, ...rest.slice(index + 1).map(({ letters }) => letters)].join('');
      total = contract(tape, [total, term], later);
    }
    return [ordered(tape, sumAlone(tape, total, output), output).value];
  },
};

function parse(node: Node): { terms: Term[]; output: string } {
  const equation = node.stringAttribute('equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  if (equation.includes('.')) throw notDefined(node, `Einsum with an ellipsis (${equation})`);
  const lists = left.split(',');
  if (lists.some((letters) => new Set(letters).size !== letters.length)) {
    throw notDefined(node, `Einsum along a diagonal (${equation})`);
  }
  const terms = node.inputs.flatMap((value, index) => (value ? [{ letters: lists[index] ?? '', value }] : []));
  return { terms, output: right ?? lettersOnce(lists.join('')) };
}

function lettersOnce(letters: string): string {
  return [...letters]
    .filter((letter) => letters.split(letter).length === 2)
    .sort()
    .join('');
}

function others(terms: readonly Term[], index: number): string[] {
  return terms.filter((_, other) => other !== index).map(({ letters }) => letters);
}

/** Sums over the letters that occur neither in another term nor in the output. */
function sumAlone(tape: Tape, { letters, value }: Term, needed: string): Term {
  const axes = [...letters].flatMap((letter, axis) => (needed.includes(letter) ? [] : [axis]));
  return { letters: keep(letters, needed), value: sumOver(tape, value, axes, false) };
}

function keep(letters: string, among: string): string {
  return [...letters].filter((letter) => among.includes(letter)).join('');
}

function without(letters: string, gone: string): string {
  return [...letters].filter((letter) => !gone.includes(letter)).join('');
}

/** The product of two terms, summed over the shared letters that are not needed later. */
function contract(tape: Tape, [a, b]: readonly [Term, Term], later: string): Term {
  const shared = keep(a.letters, b.letters);
  const batch = keep(shared, later);
  const inner = without(shared, batch);
  const [rows, columns] = [without(a.letters, shared), without(b.letters, shared)];
  if (inner === '') return outer(tape, [a, b], batch + rows + columns);
  const left = asMatrices(tape, a, [batch, rows, inner]);
  const right = asMatrices(tape, b, [batch, inner, columns]);
  const product = tape.op('MatMul', [left, right]);
  return apart(tape, product, { a, b, batch, rows, columns });
}

/** If nothing is summed, the product is elementwise; axes of size 1 stand for the letters of the other term. */
function outer(tape: Tape, [a, b]: readonly [Term, Term], letters: string): Term {
  const spread = (term: Term): Value => {
    const own = ordered(tape, term, keep(letters, term.letters));
    const missing = [...letters].flatMap((letter, axis) => (own.letters.includes(letter) ? [] : [axis]));
    return missing.length === 0 ? own.value : tape.op('Unsqueeze', [own.value, tape.int64s(missing)]);
  };
  return { letters, value: mul(tape, spread(a), spread(b)) };
}

function ordered(tape: Tape, { letters, value }: Term, order: string): Term {
  if (letters === order) return { letters, value };
  const perm = [...order].map((letter) => letters.indexOf(letter));
  return { letters: order, value: tape.op('Transpose', [value], { attributes: { perm } }) };
}

/** Reshapes a term to [batch..., rows, columns]. All axes of `rows` become one axis, and so do all axes of `columns`. */
function asMatrices(tape: Tape, term: Term, [batch, rows, columns]: readonly [string, string, string]): Value {
  const { value } = ordered(tape, term, batch + rows + columns);
  if (rows.length === 1 && columns.length === 1) return value;
  const dims = [...batch].map((_, axis) => dimValue(tape, value, axis));
  const sizes = [rows, columns].map((letters, side) => {
    const start = batch.length + (side === 0 ? 0 : rows.length);
    return [...letters].reduce<Value>(
      (size, _, i) => mul(tape, size, dimValue(tape, value, start + i)),
      tape.int64s([1]),
    );
  });
  return tape.op('Reshape', [value, tape.op('Concat', [...dims, ...sizes], { attributes: { axis: 0 } })]);
}

interface Parts {
  readonly a: Term;
  readonly b: Term;
  readonly batch: string;
  readonly rows: string;
  readonly columns: string;
}

/** Splits the rows and the columns of a product into their original axes. */
function apart(tape: Tape, product: Value, { a, b, batch, rows, columns }: Parts): Term {
  const letters = batch + rows + columns;
  if (rows.length === 1 && columns.length === 1) return { letters, value: product };
  const dims = [...letters].map((letter) => {
    const from = a.letters.includes(letter) ? a : b;
    return dimValue(tape, from.value, from.letters.indexOf(letter));
  });
  const target = dims.length > 0 ? tape.op('Concat', dims, { attributes: { axis: 0 } }) : tape.int64s([]);
  return { letters, value: tape.op('Reshape', [product, target]) };
}
