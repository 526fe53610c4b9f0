import { breathe, EspalierError } from '../../../core/index.ts';
import { isOutputLayer, type AdaptableModule } from '../../../ir/index.ts';
import type { BaseEmbeddings } from '../../../models/index.ts';
import { numberToBfloat16, numberToFloat16, toFloat32, type TensorData } from '../../../tensor/index.ts';
import { peftPrefix } from './peft-names.ts';

/** Numbers that are compared between two turns of the event loop. */
const numbersPerSlice = 2 ** 17;

type Shape = readonly number[];

/**
 * Further tensors that a file may contain for a module, with their shapes: PEFT also writes the base's own matrix if an embedding is a
 * target, or if the vocabulary has grown (`save_embedding_layers`).
 */
export function baseCopies(module: AdaptableModule): [name: string, shape: Shape][] {
  const { path, kind, in: width, out, transposed } = module;
  if (kind === 'conv' || kind === 'experts') return [];
  const shape = kind === 'embedding' || transposed === true ? [width, out] : [out, width];
  return [
    [`${peftPrefix}${path}.base_layer.weight`, shape],
    [`${peftPrefix}${path}.base_layer.bias`, [out]],
    ...(hasRowPerToken(module) ? [[`${peftPrefix}${path}.weight`, shape] as [string, Shape]] : []),
  ];
}

function hasRowPerToken({ path, kind }: AdaptableModule): boolean {
  return kind === 'embedding' || isOutputLayer(path);
}

/** Copies of embeddings and heads with other numbers of rows than the base has, as problems with what to do. */
export function grownCopies(
  tensors: ReadonlyMap<string, { readonly shape: Shape }>,
  modules: readonly AdaptableModule[],
): string[] {
  return modules.filter(hasRowPerToken).flatMap((module) =>
    baseCopies(module).flatMap(([name, [rows = 0, width = 0]]) => {
      const [count = rows, columns = width] = tensors.get(name)?.shape ?? [];
      if (!name.endsWith('.weight') || columns !== width || count === rows) return [];
      return [
        `${module.path} has ${count} rows there and ${rows} in the base, for the vocabulary had been resized before the training: resize the base likewise (resize_token_embeddings in transformers), save it with its tokenizer, and name that base`,
      ];
    }),
  );
}

export interface CopyCheck {
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly modules: readonly AdaptableModule[];
  /** Names of tensors that the adapter brings on purpose (`modules_to_save`). */
  readonly saved: ReadonlySet<string>;
  readonly embeddings: BaseEmbeddings;
  /** What errors call the file. */
  readonly path: string;
}

/**
 * Compares copies of the base's embeddings and heads with the base. WHY: PEFT computes with the copy, so another one changes results.
 * A copy with fewer bits is compared with the rounded numbers of the base.
 *
 * @returns what the reader of the adapter should be told: which copies are left out
 * @throws EspalierError LORA_BASE_MISMATCH with every copy that differs
 */
export async function checkCopies({ tensors, modules, saved, embeddings, path }: CopyCheck): Promise<string[]> {
  const problems: string[] = [];
  const [equal, unknown] = [new Set<string>(), new Set<string>()];
  for (const module of modules.filter(hasRowPerToken)) {
    for (const [name] of baseCopies(module)) {
      const copy = tensors.get(name);
      if (copy === undefined || saved.has(name) || !name.endsWith('.weight')) continue;
      const compared = await compare(copy, module.path, embeddings);
      if (compared === 'equal') equal.add(module.path);
      else if (compared === 'unknown') unknown.add(module.path);
      else problems.push(differs(name, { ...compared, module, embeddings }));
    }
  }
  if (problems.length > 0) throw new EspalierError('LORA_BASE_MISMATCH', { path, base: '', problems });
  return [
    ...(equal.size > 0 ? [`holds copies of ${[...equal].join(', ')}, which equal the base and are left out`] : []),
    ...(unknown.size > 0
      ? [`holds copies of ${[...unknown].join(', ')}, which are left out, and not compared with the quantized base`]
      : []),
  ];
}

/** WHY not for a head that is tied: PEFT writes both copies into one matrix, and the result depends on their order. */
function differs(
  name: string,
  {
    row,
    module: { path },
    embeddings,
  }: { readonly row: number; readonly module: AdaptableModule; readonly embeddings: BaseEmbeddings },
): string {
  const isWhole = name === `${peftPrefix}${path}.weight` && embeddings.tiedHead === undefined;
  const advice = isWhole
    ? `add "${path.slice(path.lastIndexOf('.') + 1)}" to modules_to_save in adapter_config.json and merge the adapter (espalier adapter merge --base BASE --adapter ADAPTER --output OUTPUT)`
    : 'merge the adapter in PEFT (merge_and_unload), and use the result as a base';
  return `${name} is another matrix than that of the base, first in row ${row}. PEFT computes with the copy. If the adapter was trained on this base: ${advice}. Otherwise name the base of the training`;
}

/** The first row that differs; unknown if the base has no floats to compare. */
async function compare(
  copy: TensorData,
  path: string,
  embeddings: BaseEmbeddings,
): Promise<{ readonly row: number } | 'equal' | 'unknown'> {
  const [rows = 0, width = 1] = copy.shape;
  const step = Math.max(1, Math.floor(numbersPerSlice / width));
  const rowBytes = copy.bytes.byteLength / Math.max(1, rows);
  const rounded = rounding(copy.dtype);
  for (let start = 0; start < rows; start += step) {
    await breathe();
    const tokens = Array.from({ length: Math.min(step, rows - start) }, (_, i) => start + i);
    const expected = await embeddings.floats(path, tokens);
    if (expected === undefined) return 'unknown';
    const bytes = copy.bytes.subarray(start * rowBytes, (start + tokens.length) * rowBytes);
    const values = toFloat32({ dtype: copy.dtype, shape: [tokens.length, width], bytes });
    const at = values.findIndex((value, i) => rounded(value) !== rounded(expected[i] ?? NaN));
    if (at >= 0) return { row: start + Math.floor(at / width) };
  }
  return 'equal';
}

function rounding(dtype: TensorData['dtype']): (value: number) => number {
  if (dtype === 'bfloat16') return numberToBfloat16;
  return dtype === 'float16' ? numberToFloat16 : (value) => value;
}
