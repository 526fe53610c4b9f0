import { EspalierError } from '../core/index.ts';
import { convertToFloat32, type TensorData, type TensorOf } from '../tensor/index.ts';
import type { ModuleWeights } from './init-adapter.ts';
import type { ModuleSettings } from './lora-config.ts';
import type { AdaptableModule } from '../ir/index.ts';

/** PEFT wraps the model twice, and names tensors from outside. */
const prefix = 'base_model.model.';
const tensorName = /^base_model\.model\.(?<module>.+)\.lora_[AB]\.weight$/;

/** The name in an adapter's file of one of a module's two matrices. */
export function peftName(path: string, matrix: 'A' | 'B'): string {
  return `${prefix}${path}.lora_${matrix}.weight`;
}

export interface AdapterFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** The base that the adapter names, for the error. */
  readonly baseName: string | undefined;
}

/** A module that an adapter changes, and how. */
export interface TargetModule extends AdaptableModule, ModuleSettings {}

/**
 * Checks that a file holds exactly the tensors of these modules, each of the right shape.
 *
 * @throws EspalierError LORA_BASE_MISMATCH when the adapter changes modules that the base lacks or has in another size
 * @throws EspalierError LORA_TENSORS_INVALID with all missing, unexpected and mis-shaped tensors
 */
export function checkTensors(
  { path, tensors, baseName }: AdapterFile,
  targets: readonly TargetModule[],
  linears: readonly AdaptableModule[],
): void {
  const base = baseName === undefined ? '' : ` (${baseName})`;
  const foreign = strangeModules(tensors.keys(), linears);
  const misfits = targets.flatMap((target) => misfitsOf(target, tensors));
  const forBase = [...(foreign.length > 0 ? [`the base has no linear module ${listed(foreign)}`] : []), ...misfits];
  if (forBase.length > 0)
    throw new EspalierError('LORA_BASE_MISMATCH', { path, base, problems: listed(forBase, '; ') });

  const expected = new Map(targets.flatMap(shapesOf));
  const missing = [...expected.keys()].filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !expected.has(name));
  const problems = [
    ...(missing.length > 0 ? [`missing ${listed(missing)}`] : []),
    ...(unexpected.length > 0 ? [`unexpected ${listed(unexpected)}`] : []),
    ...[...tensors].flatMap(([name, tensor]) => wrongKind(name, tensor, expected.get(name))),
  ];
  if (problems.length > 0) throw new EspalierError('LORA_TENSORS_INVALID', { path, problems: listed(problems, '; ') });
}

/** The weights of one module from a file that was checked, as f32. */
export async function moduleWeights(
  { path, rank, scaling }: TargetModule,
  tensors: ReadonlyMap<string, TensorData>,
): Promise<ModuleWeights> {
  const a = await asFloat32(tensors.get(peftName(path, 'A')));
  return { rank, scaling, a, b: await asFloat32(tensors.get(peftName(path, 'B'))) };
}

function shapesOf({ path, rank, in: width, out }: TargetModule): [string, number[]][] {
  return [
    [peftName(path, 'A'), [rank, width]],
    [peftName(path, 'B'), [out, rank]],
  ];
}

function strangeModules(names: Iterable<string>, linears: readonly AdaptableModule[]): string[] {
  const known = new Set(linears.map(({ path }) => path));
  const modules = new Set([...names].flatMap((name) => tensorName.exec(name)?.groups?.['module'] ?? []));
  return [...modules].filter((module) => !known.has(module));
}

/** Where A reads, or B writes, another width than the module has. */
function misfitsOf({ path, in: width, out }: TargetModule, tensors: ReadonlyMap<string, TensorData>): string[] {
  const [a, b] = [tensors.get(peftName(path, 'A')), tensors.get(peftName(path, 'B'))];
  const problems: string[] = [];
  if (a?.shape.length === 2 && a.shape[1] !== width)
    problems.push(`${path} takes ${width} numbers, lora_A ${a.shape[1]}`);
  if (b?.shape.length === 2 && b.shape[0] !== out) problems.push(`${path} gives ${out} numbers, lora_B ${b.shape[0]}`);
  return problems;
}

function wrongKind(name: string, { dtype, shape }: TensorData, expected: readonly number[] | undefined): string[] {
  if (expected === undefined) return [];
  if (expected.join() !== shape.join()) return [`${name} should be [${expected.join(', ')}], is [${shape.join(', ')}]`];
  return ['float32', 'float16', 'bfloat16', 'float64'].includes(dtype) ? [] : [`${name} should be floats, is ${dtype}`];
}

async function asFloat32(tensor: TensorData | undefined): Promise<TensorOf<'float32'>> {
  if (tensor === undefined) throw new TypeError('the tensors were not checked');
  const { buffer, byteOffset, byteLength } = await convertToFloat32(tensor);
  return { dtype: 'float32', shape: tensor.shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** The first few of many. */
function listed(items: readonly string[], separator = ', '): string {
  const shown = items.slice(0, 5).join(separator);
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown;
}
