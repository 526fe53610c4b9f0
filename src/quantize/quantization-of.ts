import { quantizableMatrices, type BaseModel, type QuantizedWeight } from '../models/index.ts';
import { matrixModules } from './plan-quantization.ts';
import type { QuantizeOptions } from './quantize-base.ts';

/** The options that quantize another base in the way in which this one was quantized; undefined for a base of floats. */
export function quantizationOf(base: BaseModel): Omit<QuantizeOptions, 'signal' | 'onProgress'> | undefined {
  const found = [...base.weights.values()].flatMap(({ quantized }) => quantized ?? []);
  if (found.length === 0) return undefined;
  const blocks = found.filter(
    (weight): weight is Extract<QuantizedWeight, { kind: 'blocks' }> => weight.kind === 'blocks',
  );
  const matrices = [...quantizableMatrices(matrixModules(base)).keys()];
  const kept = matrices.filter((name) => {
    const ref = base.weights.get(name);
    return ref !== undefined && ref.quantized === undefined;
  });
  return {
    scheme: found.some(({ kind }) => kind === 'int8') ? 'int8' : 'blocks',
    bits: found.some((weight) => weight.kind === 'mxfp4' || ('bits' in weight && weight.bits === 4)) ? 4 : 8,
    blockSize: blocks[0]?.blockSize ?? 32,
    activations:
      blocks[0]?.activations ?? (found.some(({ kind }) => kind !== 'blocks' && kind !== 'int8') ? 'float32' : 'int8'),
    keep: kept.map((name) => name.replace(/\.weight$/, '')),
  };
}
