import type { AdaptableModule } from '../../../ir/index.ts';
import type { SafetensorsEntry } from '../../../tensor/index.ts';

const prefix = 'base_model.model.';
const matrixName = /^base_model\.model\.(?<path>.+)\.lora_(?<embedding>embedding_)?(?<matrix>[AB])(?:\.weight)?$/;
/** Tensors of an adapter that are not parameters of the base. */
const otherPart = /\.(?:lora_magnitude_vector(?:\.weight)?|lora_B\.bias|base_layer\.(?:weight|bias))$/;

/** The facts about a base that the tensors of a PEFT folder show. */
export interface ToldBase {
  readonly modules: readonly AdaptableModule[];
  /** Shapes of parameters that the adapter replaces, by their names in the checkpoint. */
  readonly weights: ReadonlyMap<string, { readonly shape: readonly number[] }>;
}

/**
 * Derives the modules of a base from the shapes of a PEFT folder's tensors. Reading an adapter needs a base; this is used if there is
 * none.
 */
export function baseToldByPeft(entries: Iterable<Pick<SafetensorsEntry, 'name' | 'shape'>>): ToldBase {
  const modules = new Map<string, AdaptableModule>();
  const weights = new Map<string, { readonly shape: readonly number[] }>();
  for (const { name, shape } of entries) {
    const { path, embedding, matrix } = matrixName.exec(name)?.groups ?? {};
    if (path !== undefined) {
      const known = modules.get(path) ?? { path, in: 0, out: 0 };
      modules.set(path, { ...known, ...(embedding && { kind: 'embedding' }), ...sizesOf(matrix ?? '', shape) });
    } else if (name.startsWith(prefix) && !otherPart.test(name)) weights.set(name.slice(prefix.length), { shape });
  }
  return { modules: [...modules.values()], weights };
}

function sizesOf(matrix: string, shape: readonly number[]): Partial<AdaptableModule> {
  if (matrix === 'B') return { out: shape[0] ?? 0 };
  const [, width = 0, ...kernel] = shape;
  return { in: width, ...(kernel.length > 0 && { kind: 'conv', kernel }) };
}
