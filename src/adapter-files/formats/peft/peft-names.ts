import type { AdaptableModule } from '../../../ir/index.ts';
import { loraShapes, type ModuleSettings } from '../../../lora/index.ts';

/** A module that an adapter changes, with its settings. */
export interface TargetModule extends AdaptableModule, ModuleSettings {
  /** Whether the direction and the length of its weight's rows are trained separately (DoRA). */
  readonly dora?: boolean;
  /** Whether a bias is added behind B (`lora_bias`). */
  readonly hasBias?: boolean;
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
export function peftName({ path, kind }: Pick<AdaptableModule, 'path' | 'kind'>, part: AdapterPart): string {
  if (part === 'bias') return `${peftPrefix}${path}.lora_B.bias`;
  if (part === 'magnitude') return `${peftPrefix}${path}.lora_magnitude_vector`;
  return kind === 'embedding'
    ? `${peftPrefix}${path}.lora_embedding_${part}`
    : `${peftPrefix}${path}.lora_${part}.weight`;
}

/** Every tensor that a file must contain for a module, with its shape. */
export function partShapes(target: TargetModule): [part: AdapterPart, shape: readonly number[]][] {
  const { a, b } = loraShapes(target, target.rank);
  return [
    ['A', a],
    ['B', b],
    ...(target.hasBias === true ? [['bias', [target.out]] as [AdapterPart, number[]]] : []),
    ...(target.dora === true ? [['magnitude', [target.out]] as [AdapterPart, number[]]] : []),
  ];
}
