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
  const fits = factors.every((each, i) => {
    const wanted = factorOf(i / factors.length, theta, scaling);
    return Math.abs(each - wanted) <= 1e-4 * wanted;
  });
  return factor >= 1 && Number.isFinite(factor) && fits ? scaling : undefined;
}

/** @param place  of the frequency, 0 to 1 */
function factorOf(place: number, theta: number, scaling: Llama3Scaling): number {
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: length } = scaling;
  const wavelength = 2 * Math.PI * theta ** place;
  if (wavelength < length / high) return 1;
  if (wavelength > length / low) return factor;
  const smooth = (length / wavelength - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}
