import { EspalierError } from '../../../core/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import { convertToFloat32, type TensorData, type TensorOf } from '../../../tensor/index.ts';
import type { ModuleWeights, SavedParameter } from '../../../lora/index.ts';
import { baseCopies, grownCopies } from './base-copies.ts';
import { fromPeftExperts } from './expert-matrices.ts';
import {
  expertSizes,
  moduleOfTensor,
  partShapes,
  peftName,
  wrapperPath,
  type AdapterPart,
  type TargetModule,
} from './peft-names.ts';
import { savedName } from './saved-parameters.ts';

/** The facts about an adapter's tensors without their numbers. */
export interface AdapterTensors {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, Pick<TensorData, 'dtype' | 'shape'>>;
  /** The base that the adapter names, for the error. */
  readonly baseName: string | undefined;
}

/** The contents of an adapter's file according to its configuration. */
export interface AdapterPlan {
  readonly targets: readonly TargetModule[];
  readonly saved: readonly SavedParameter[];
}

/**
 * Checks that a file holds exactly the tensors of these modules, each of the right shape.
 *
 * @throws EspalierError LORA_BASE_MISMATCH if the adapter changes modules that the base lacks or that have another size there
 * @throws EspalierError LORA_TENSORS_INVALID with all missing, unexpected and mis-shaped tensors
 */
export function checkTensors(
  { path, tensors, baseName }: AdapterTensors,
  { targets, saved }: AdapterPlan,
  modules: readonly AdaptableModule[],
): void {
  const base = baseName === undefined ? '' : ` (${baseName})`;
  const wrappers = targets.flatMap((target) => wrapperPath(target) ?? []);
  const foreign = strangeModules(tensors.keys(), [...modules.map(({ path }) => path), ...wrappers]);
  const misfits = targets.flatMap((target) => misfitsOf(target, tensors));
  const forBase = [
    ...(foreign.length > 0 ? [`the base has no linear module ${listed(foreign)}`] : []),
    ...singleExperts(foreign, modules),
    ...misfits,
    ...grownCopies(withoutSaved(tensors, saved), modules),
  ];
  if (forBase.length > 0) throw new EspalierError('LORA_BASE_MISMATCH', { path, base, problems: forBase });

  const expected = new Map<string, readonly number[]>([
    ...targets.flatMap((target) =>
      partShapes(target).map(([part, shape]) => [nameIn(tensors, target, part), shape] as const),
    ),
    ...saved.map((parameter) => [savedName(parameter), parameter.shape] as const),
  ]);
  const optional = new Set(saved.filter((parameter) => parameter.optional === true).map(savedName));
  const allowed = new Map([...expected, ...modules.flatMap(baseCopies)]);
  const missing = [...expected.keys()].filter((name) => !tensors.has(name) && !optional.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !allowed.has(name));
  const problems = [
    ...(missing.length > 0 ? [`missing ${listed(missing)}`] : []),
    ...(unexpected.length > 0 ? [`unexpected ${listed(unexpected)}`] : []),
    ...[...tensors].flatMap(([name, tensor]) => wrongKind(name, tensor, allowed.get(name))),
  ];
  if (problems.length > 0) throw new EspalierError('LORA_TENSORS_INVALID', { path, problems });
}

function withoutSaved<Tensor>(
  tensors: ReadonlyMap<string, Tensor>,
  saved: readonly SavedParameter[],
): Map<string, Tensor> {
  const names = new Set(saved.map(savedName));
  return new Map([...tensors].filter(([name]) => !names.has(name)));
}

/** A tensor of a file that was checked, as f32, under the name that errors call it by. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: TensorOf<'float32'>;
}

/** The tensors of one module from a file that was checked, as f32. */
export async function moduleTensors(
  target: TargetModule,
  tensors: ReadonlyMap<string, TensorData>,
): Promise<Record<'A' | 'B', NamedTensor> & { readonly magnitude?: NamedTensor; readonly bias?: NamedTensor }> {
  const read = async (part: AdapterPart): Promise<NamedTensor> => {
    const name = nameIn(tensors, target, part);
    return { name, tensor: await asFloat32(tensors.get(name)) };
  };
  const [A, B] = [await read('A'), await read('B')];
  if (target.kind === 'experts') {
    const { a, b } = await fromPeftExperts({ a: A.tensor, b: B.tensor }, expertSizes(target));
    return { A: { ...A, tensor: a }, B: { ...B, tensor: b } };
  }
  return {
    A,
    B,
    ...(target.dora === true && { magnitude: await read('magnitude') }),
    ...(target.hasBias === true && { bias: await read('bias') }),
  };
}

/** The parts of one module as they are used. */
export function weightsOf(
  { rank, scaling, kind, experts }: TargetModule,
  { A, B, magnitude, bias }: Awaited<ReturnType<typeof moduleTensors>>,
): ModuleWeights {
  return {
    ...(kind && { kind }),
    ...(experts !== undefined && { experts }),
    rank,
    scaling,
    a: A.tensor,
    b: B.tensor,
    ...(magnitude && { magnitude: magnitude.tensor }),
    ...(bias && { bias: bias.tensor }),
  };
}

/** Older versions of PEFT append `.weight` to the name of a magnitude. */
function nameIn(tensors: ReadonlyMap<string, unknown>, target: TargetModule, part: AdapterPart): string {
  const name = peftName(target, part);
  return part === 'magnitude' && !tensors.has(name) && tensors.has(`${name}.weight`) ? `${name}.weight` : name;
}

function strangeModules(names: Iterable<string>, paths: readonly string[]): string[] {
  const known = new Set(paths);
  const modules = new Set([...names].flatMap((name) => moduleOfTensor(name) ?? []));
  return [...modules].filter((module) => !known.has(module));
}

/** Before transformers 5, each expert had linear modules of its own, and adapters had too. */
function singleExperts(foreign: readonly string[], modules: readonly AdaptableModule[]): string[] {
  const isOfOne = foreign.some((path) => /\.experts\.\d+\./.test(path));
  return isOfOne && modules.some(({ kind }) => kind === 'experts')
    ? ['adapters of single experts, as PEFT made them before transformers 5, are not read']
    : [];
}

/** The problems of matrices whose input or output width differs from the module's. */
function misfitsOf(target: TargetModule, tensors: AdapterTensors['tensors']): string[] {
  const { path, kind } = target;
  const { in: width, out } = kind === 'experts' ? expertSizes(target) : target;
  const [a, b] = [tensors.get(peftName(target, 'A')), tensors.get(peftName(target, 'B'))];
  const axes = kind === 'conv' ? (target.kernel?.length ?? 0) + 2 : 2;
  const problems: string[] = [];
  if (a?.shape.length === axes && a.shape[1] !== width)
    problems.push(`${path} takes ${width} numbers, lora_A ${a.shape[1]}`);
  if (b?.shape.length === axes && b.shape[0] !== out)
    problems.push(`${path} gives ${out} numbers, lora_B ${b.shape[0]}`);
  return problems;
}

function wrongKind(
  name: string,
  { dtype, shape }: Pick<TensorData, 'dtype' | 'shape'>,
  expected: readonly number[] | undefined,
): string[] {
  if (expected === undefined) return [];
  if (expected.join() !== shape.join()) return [`${name} should be [${expected.join(', ')}], is [${shape.join(', ')}]`];
  return ['float32', 'float16', 'bfloat16', 'float64'].includes(dtype) ? [] : [`${name} should be floats, is ${dtype}`];
}

export async function asFloat32(tensor: TensorData | undefined): Promise<TensorOf<'float32'>> {
  if (tensor === undefined) throw new TypeError('the tensors were not checked');
  const { buffer, byteOffset, byteLength } = await convertToFloat32(tensor);
  return { dtype: 'float32', shape: tensor.shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** The first few of many. */
function listed(items: readonly string[]): string {
  const shown = items.slice(0, 5).join(', ');
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown;
}
