import { breathe } from '../../../core/index.ts';
import { assertFinite, type TensorData, type TensorOf } from '../../../tensor/index.ts';
import type { Adapter, FilePlace, ModuleWeights, SavedParameter } from '../../../lora/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import type { BaseEmbeddings } from '../../../models/index.ts';
import { checkedDigest } from '../../identity.ts';
import type { AdapterContents } from '../../source/adapter-source.ts';
import { readStable, type SourceOptions } from '../../source/read-stable.ts';
import { checkCopies } from './base-copies.ts';
import { sinceStart } from './initial-part.ts';
import type { TargetModule } from './peft-names.ts';
import { peftStructure, type PeftBase, type PeftStructure } from './peft-structure.ts';
import { asFloat32, moduleTensors, weightsOf } from './peft-tensors.ts';
import { peftFiles } from './read-peft-config.ts';
import { savedName, type WeightShapes } from './saved-parameters.ts';
import { tokenModules } from './trainable-tokens.ts';

export interface LoadAdapterOptions extends SourceOptions {
  /** The weights of the base, by which `modules_to_save` is resolved. Without them only the modules of the base are known. */
  readonly weights?: WeightShapes | undefined;
  /** The fingerprint of the base. An adapter that was trained on another one is refused. Absent: the adapter may be of any base. */
  readonly fingerprint?: string | undefined;
  /** The rows of the base's embeddings. Without them adapters that replace some (`trainable_token_indices`) are refused. */
  readonly embeddings?: BaseEmbeddings | undefined;
}

/**
 * Reads a PEFT folder and checks it against the base: no tensor may be missing, unexpected or of another shape, and no number may be
 * NaN or infinite. Half-width weights become f32. The files are read as one state of the folder.
 *
 * @param modules  of the base
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE, ADAPTER_CHANGING, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED,
 *   LORA_PATTERN_INVALID, LORA_BASE_MISMATCH, LORA_TENSORS_INVALID, TENSOR_NOT_FINITE, SAFETENSORS_*
 */
export async function loadPeftAdapter(
  dir: string,
  modules: readonly AdaptableModule[],
  { weights, fingerprint, embeddings, ...options }: LoadAdapterOptions = {},
): Promise<Adapter> {
  const read = async (source: AdapterContents): Promise<Adapter> =>
    toAdapter(await readPeft(source, { modules, weights, fingerprint, embeddings }));
  return readStable(dir, { ...options, files: peftFiles }, read);
}

/** The complete contents of a PEFT folder, in memory. */
export interface PeftContent extends PeftStructure {
  readonly tensors: ReadonlyMap<string, TensorData>;
}

/** Reads an open folder. @throws EspalierError the errors of `peftStructure` */
export async function readPeft(source: AdapterContents, base: PeftBase | undefined): Promise<PeftContent> {
  const structure = await peftStructure(source, base);
  const { weights, entries } = structure;
  // The header covers the file exactly, so only the tensors follow it.
  const start = [...entries.values()].reduce((least, { offset }) => Math.min(least, offset), weights.size);
  const data = await weights.readShared(start, weights.size - start);
  const tensors = new Map<string, TensorData>();
  for (const { name, dtype, shape, offset, length } of entries.values()) {
    tensors.set(name, { dtype, shape, bytes: data.subarray(offset - start, offset - start + length) });
  }
  return { ...structure, tensors };
}

/** Converts the numbers to f32, and checks them after that, since a finite f64 may be infinite in f32. @throws EspalierError TENSOR_NOT_FINITE */
export async function toAdapter({
  config,
  baseName,
  baseFingerprint,
  plan,
  start,
  weights,
  entries,
  tensors,
  tokens,
  embeddings,
  configPath,
  modules: ofBase,
  isAnyBase,
}: PeftContent): Promise<Adapter> {
  const own = new Set(plan.saved.map(savedName));
  const notes =
    embeddings === undefined || isAnyBase
      ? []
      : await checkCopies({ tensors, modules: ofBase, saved: own, embeddings, path: weights.path });
  const names = new Map<unknown, string>();
  const stored = await readModules(plan.targets, tensors, names);
  const places = placesOf(stored.values(), names, entries);
  const found = start && embeddings ? await sinceStart(stored, start, { embeddings, path: configPath, names }) : stored;
  for (const rows of tokens) {
    for (const [path, module] of await tokenModules(rows, { tensors, embeddings, configPath })) {
      await assertFinite(module.a, `${rows.tensor} in ${weights.path}`);
      await assertFinite(module.b, `${rows.tensor} in ${weights.path}`);
      found.set(path, module);
    }
  }
  const modules = inOrder(found, ofBase);
  const saved = await readSaved(plan.saved, tensors, names);
  const content = { modules, saved };
  const digest = await checkedDigest(content, (tensor) => `${names.get(tensor)} in ${weights.path}`);
  const told = { ...(saved.size > 0 && { saved }), ...(notes.length > 0 && { notes }) };
  return { config, modules, digest, baseName, baseFingerprint, places, ...told };
}

function placesOf(
  modules: Iterable<ModuleWeights>,
  names: ReadonlyMap<unknown, string>,
  entries: PeftContent['entries'],
): Map<ModuleWeights['a'], FilePlace> {
  const places = new Map<ModuleWeights['a'], FilePlace>();
  for (const { a, b, magnitude, bias } of modules) {
    for (const tensor of [a, b, magnitude, bias]) {
      const entry = tensor && entries.get(names.get(tensor) ?? '');
      if (tensor && entry) places.set(tensor, { tensor: entry.name, offset: entry.offset });
    }
  }
  return places;
}

/** The changed modules in the order of the base. */
function inOrder(
  found: ReadonlyMap<string, ModuleWeights>,
  modules: readonly AdaptableModule[],
): ReadonlyMap<string, ModuleWeights> {
  return new Map(
    modules.flatMap(({ path }): [string, ModuleWeights][] => {
      const weights = found.get(path);
      return weights === undefined ? [] : [[path, weights]];
    }),
  );
}

async function readModules(
  targets: readonly TargetModule[],
  tensors: ReadonlyMap<string, TensorData>,
  names: Map<unknown, string>,
): Promise<Map<string, ModuleWeights>> {
  const result = new Map<string, ModuleWeights>();
  for (const target of targets) {
    await breathe();
    const parts = await moduleTensors(target, tensors);
    for (const { name, tensor } of Object.values(parts)) names.set(tensor, name);
    result.set(target.path, weightsOf(target, parts));
  }
  return result;
}

async function readSaved(
  parameters: readonly SavedParameter[],
  tensors: ReadonlyMap<string, TensorData>,
  names: Map<unknown, string>,
): Promise<Map<string, TensorOf<'float32'>>> {
  const result = new Map<string, TensorOf<'float32'>>();
  for (const parameter of parameters) {
    await breathe();
    const stored = tensors.get(savedName(parameter));
    if (stored === undefined) continue;
    const tensor = await asFloat32(stored);
    names.set(tensor, savedName(parameter));
    result.set(parameter.name, tensor);
  }
  return result;
}
