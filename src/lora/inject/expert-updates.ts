import type { Tape, Value } from '../../ir/index.ts';
import type { ModuleSite } from '../targets/module-sites.ts';

export interface ExpertMatrices {
  /** f32 [rank, experts·in] */
  readonly a: Value;
  /** The axis of B that lists the experts, and whether an expert's part is [out, rank]. */
  readonly b: Value;
}

/** What `product` gives of two matrices of one expert. */
type Product = (tape: Tape, left: Value, matrix: Value) => Value;

export interface ExpertUpdate extends ExpertMatrices {
  readonly site: ModuleSite;
  /** f32 [rows, in], the rows of all experts in the order of the experts. */
  readonly x: Value;
  /** The axis of `b` along which the experts lie side by side. */
  readonly axis: 0 | 1;
  /** The products with the B of one expert. */
  readonly last: Product;
  /** Changes the ranks of all rows between the two products: f32 [rows, rank] → f32 [rows, rank]. Default: nothing. */
  readonly between?: (ranks: Value) => Value;
}

/**
 * The low-rank update of the experts of a mixture, each row with the matrices of its own expert: f32 [rows, out].
 *
 *   Δ of the rows of expert e:  last(between(xₑ·Aₑᵀ), Bₑ)
 *
 * An expert without rows multiplies zero rows, as its own matrices do.
 */
export function expertUpdate(tape: Tape, update: ExpertUpdate): Value {
  const { site, x, a, b, axis, last, between = (ranks) => ranks } = update;
  const { group } = site;
  if (group === undefined) throw new TypeError(`${site.node.label} has no experts`);
  const { experts, counts } = group;
  const rowsOf = (value: Value, name: string): Value[] => {
    const parts = tape.ops('Split', [value, counts], { outputs: experts, attributes: { axis: 0 }, name });
    parts.forEach(
      (part, index) => (part.shape = [`${name}_${counts.name}_${index}`.replaceAll(/\W/g, '_'), value.shape?.[1]]),
    );
    return parts;
  };
  const matrices = (value: Value, along: 0 | 1, name: string): Value[] => {
    const parts = tape.ops('Split', [value], {
      outputs: experts,
      attributes: { axis: along, num_outputs: experts },
      name,
    });
    const [rows, columns] = value.shape ?? [];
    const width = (dim: typeof rows): typeof rows => (typeof dim === 'number' ? dim / experts : undefined);
    for (const part of parts) part.shape = along === 0 ? [width(rows), columns] : [rows, width(columns)];
    return parts;
  };
  const join = (parts: readonly Value[], width: Value['shape']): Value =>
    tape.op('Concat', parts, { attributes: { axis: 0 }, shape: [x.shape?.[0], width?.[1]] });
  const [own, first] = [rowsOf(x, 'rows'), matrices(a, 1, 'A_of')];
  const inner = own.map((part, index) => {
    return tape.op('Gemm', [part, first[index]], { name: 'A', attributes: { transB: 1 } });
  });
  const ranks = between(join(inner, inner[0]?.shape));
  const seconds = matrices(b, axis, 'B_of');
  const outer = rowsOf(ranks, 'ranks').map((part, index) => {
    const matrix = seconds[index];
    if (matrix === undefined) throw new TypeError('unreachable: there is a B for each expert');
    return last(tape, part, matrix);
  });
  return join(outer, outer[0]?.shape);
}
