import type { AdaptableModule } from '../../ir/index.ts';
import type { LoraModule } from '../../lora/index.ts';

/**
 * A remark on ranks that are larger than the smaller side of what they change: B·A has no larger rank than that side, so the rest
 * costs memory and time and expresses nothing.
 * @returns undefined if there are none
 */
export function remarkOnRanks(
  lora: readonly Pick<LoraModule, 'path' | 'rank'>[] | undefined,
  modules: readonly AdaptableModule[],
): string | undefined {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const wide = (lora ?? []).flatMap(({ path, rank }) => {
    const module = byPath.get(path);
    const side = module && smallerSide(module);
    return module && side !== undefined && rank > side ? [{ path, rank, side, module }] : [];
  });
  const worst = wide.reduce<(typeof wide)[number] | undefined>(
    (found, each) => (found && found.rank / found.side >= each.rank / each.side ? found : each),
    undefined,
  );
  if (worst === undefined) return undefined;
  const { path, rank, side, module } = worst;
  const count = wide.length === 1 ? 'one module' : `${wide.length} modules`;
  return `The rank is larger than the smaller side of ${count}. For ${path} [${module.out}, ${module.in}] it is ${rank}, and no more can be expressed than with rank ${side}.`;
}

/** The matrix of a convolution has the numbers of a kernel as its columns. */
function smallerSide({ in: width, out, kernel = [], groups = 1 }: AdaptableModule): number {
  return Math.min(
    out,
    kernel.reduce((count, size) => count * size, width / groups),
  );
}
