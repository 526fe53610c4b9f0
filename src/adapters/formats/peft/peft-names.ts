import type { AdaptableModule } from '../../../ir/index.ts';
import { loraShapes, type ModuleSettings } from '../../../lora/index.ts';

/** A module that an adapter changes, and how. */
export interface TargetModule extends AdaptableModule, ModuleSettings {
  /** Its weight's direction and size are trained apart. */
  readonly dora?: boolean;
}

/** What an adapter has for a module: two matrices, and with DoRA the size of each row. */
export type AdapterPart = 'A' | 'B' | 'magnitude';

/** PEFT wraps the model twice, and names tensors from outside. */
export const peftPrefix = 'base_model.model.';

const ofModule =
  /^base_model\.model\.(?<module>.+)\.lora_(?:[AB]\.weight|embedding_[AB]|magnitude_vector(?:\.weight)?)$/;

/** The module that a tensor of an adapter's file belongs to, if its name says one. */
export function moduleOfTensor(name: string): string | undefined {
  return ofModule.exec(name)?.groups?.['module'];
}

/** The name in an adapter's file of one of a module's parts. */
export function peftName({ path, kind }: Pick<AdaptableModule, 'path' | 'kind'>, part: AdapterPart): string {
  if (part === 'magnitude') return `${peftPrefix}${path}.lora_magnitude_vector`;
  return kind === 'embedding'
    ? `${peftPrefix}${path}.lora_embedding_${part}`
    : `${peftPrefix}${path}.lora_${part}.weight`;
}

/** Every tensor that a file has to have for a module, with its shape. */
export function partShapes(target: TargetModule): [part: AdapterPart, shape: readonly number[]][] {
  const { a, b } = loraShapes(target, target.rank);
  return [
    ['A', a],
    ['B', b],
    ...(target.dora === true ? [['magnitude', [target.out]] as [AdapterPart, number[]]] : []),
  ];
}

/**
 * Tensors that a file may have for a module besides: PEFT writes the base's own weight where an embedding is a target, in case that
 * rows were added to it. Here it has the base's shape, and says nothing new.
 */
export function baseCopies({ path, kind, in: width, out, transposed }: AdaptableModule): [string, readonly number[]][] {
  const shape = kind === 'embedding' || transposed === true ? [width, out] : [out, width];
  return kind === 'conv'
    ? []
    : [
        [`${peftPrefix}${path}.base_layer.weight`, shape],
        [`${peftPrefix}${path}.base_layer.bias`, [out]],
      ];
}
