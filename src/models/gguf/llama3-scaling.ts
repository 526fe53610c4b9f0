import { llama3Rope } from '../decoder/rope-scaling.ts';

/** The rotary scaling of Llama 3 in config.json. */
export interface Llama3Scaling {
  readonly rope_type: 'llama3';
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

/**
 * The scaling from which llama.cpp's converter has computed these factors of frequencies. GGUF has the factors alone; every Llama 3
 * has the same bounds, and the largest factor is that of the scaling.
 *
 * @param factors  f32 [headDim / 2]: a frequency is divided by its factor
 * @returns undefined if no such scaling has these factors
 */
export function llama3Scaling(factors: Float32Array, theta: number): Llama3Scaling | undefined {
  const factor = factors.reduce((largest, each) => Math.max(largest, each), 0);
  const scaling = {
    rope_type: 'llama3',
    factor,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  } as const;
  const plain = Float64Array.from(factors, (_, i) => theta ** (-i / factors.length));
  const scaled = llama3Rope(plain, {
    kind: 'llama3',
    factor,
    lowFrequencyFactor: scaling.low_freq_factor,
    highFrequencyFactor: scaling.high_freq_factor,
    originalLength: scaling.original_max_position_embeddings,
  });
  const fits = factors.every((each, i) => {
    const wanted = (plain[i] ?? 0) / (scaled[i] ?? 0);
    return Math.abs(each - wanted) <= 1e-4 * wanted;
  });
  return factor >= 1 && Number.isFinite(factor) && fits ? scaling : undefined;
}
