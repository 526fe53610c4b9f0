import type { AdaptableModule } from '../../../ir/index.ts';
import { loraShapes, type ModuleSettings } from '../../../lora/index.ts';
import { peftExpertShapes, type ExpertSizes } from './expert-matrices.ts';

/** A module that an adapter changes, with its settings. */
export interface TargetModule extends AdaptableModule, ModuleSettings {
  /** Whether the direction and the length of its weight's rows are trained separately (DoRA). */
  readonly dora?: boolean;
  /** Whether a bias is added behind B (`lora_bias`). */
  readonly hasBias?: boolean;
  /** Experts: whether the adapter changes another parameter of the same experts that PEFT wraps around this one. */
  readonly isWrapped?: boolean;
}

/** The parts of an adapter for a module: two matrices, and with DoRA the length of each row. */
export type AdapterPart = 'A' | 'B' | 'magnitude' | 'bias';

/** PEFT wraps the model twice, and tensor names contain both wrappers. */
export const peftPrefix = 'base_model.model.';

const ofModule =
  /^base_model\.model\.(?<module>.+)\.lora_(?:[AB]\.weight|B\.bias|embedding_[AB]|magnitude_vector(?:\.weight)?)$/;

/** The module of a tensor of an adapter's file; undefined if its name contains none. */
export function moduleOfTensor(name: string): string | undefined {
  return ofModule.exec(name)?.groups?.['module'];
}

/** The name in an adapter's file of one of a module's parts. */
export function peftName(
  { path, kind, isWrapped = false }: Pick<TargetModule, 'path' | 'kind' | 'isWrapped'>,
  part: AdapterPart,
): string {
  if (kind === 'experts')
    return `${peftPrefix}${expertsPath(path)}${isWrapped ? '.base_layer' : ''}.lora_${part}.weight`;
  if (part === 'bias') return `${peftPrefix}${path}.lora_B.bias`;
  if (part === 'magnitude') return `${peftPrefix}${path}.lora_magnitude_vector`;
  return kind === 'embedding'
    ? `${peftPrefix}${path}.lora_embedding_${part}`
    : `${peftPrefix}${path}.lora_${part}.weight`;
}

/** The module that has the parameter. */
function expertsPath(path: string): string {
  return path.slice(0, path.lastIndexOf('.'));
}

/** The path in an adapter's file under which the matrices of experts lie, which is that of no module. */
export function wrapperPath(target: Pick<TargetModule, 'path' | 'kind' | 'isWrapped'>): string | undefined {
  return target.kind === 'experts'
    ? `${expertsPath(target.path)}${target.isWrapped === true ? '.base_layer' : ''}`
    : undefined;
}

export function expertSizes({
  experts = 1,
  rank,
  in: width,
  out,
}: Pick<TargetModule, 'experts' | 'rank' | 'in' | 'out'>): ExpertSizes {
  return { experts, rank, in: width / experts, out: out / experts };
}

/** Whether PEFT wraps another parameter around this one. It wraps them in the order of the model: gate and up, then down. */
export function isWrapped({ path, kind }: Pick<AdaptableModule, 'path' | 'kind'>, paths: ReadonlySet<string>): boolean {
  return kind === 'experts' && /\.(gate_)?up_proj$/.test(path) && paths.has(`${expertsPath(path)}.down_proj`);
}

/** Every tensor that a file must contain for a module, with its shape. */
export function partShapes(target: TargetModule): [part: AdapterPart, shape: readonly number[]][] {
  const { a, b } = target.kind === 'experts' ? peftExpertShapes(expertSizes(target)) : loraShapes(target, target.rank);
  return [
    ['A', a],
    ['B', b],
    ...(target.hasBias === true ? [['bias', [target.out]] as [AdapterPart, number[]]] : []),
    ...(target.dora === true ? [['magnitude', [target.out]] as [AdapterPart, number[]]] : []),
  ];
}
