import type { AdaptableModule } from '../ir/index.ts';

/** The shapes of an adapter's two matrices, as in PEFT; for a convolution [rank, in, ...kernel] and [out, rank / groups, 1...]. */
export function loraShapes(
  { in: width, out, kernel, groups = 1 }: Pick<AdaptableModule, 'in' | 'out' | 'kernel' | 'groups'>,
  rank: number,
): { readonly a: readonly number[]; readonly b: readonly number[] } {
  if (kernel === undefined) return { a: [rank, width], b: [out, rank] };
  return { a: [rank, width, ...kernel], b: [out, rank / groups, ...kernel.map(() => 1)] };
}
