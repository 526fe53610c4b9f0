import {
  type AllocateState,
  zerosLike,
  type Floats,
  type Optimizer,
  type ParameterGroup,
  type StepSettings,
} from './optimizer.ts';

export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** PyTorch's defaults. */
export const adamWDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const satisfies AdamWSettings;

/**
 * AdamW: Adam with weight decay that does not pass through the moments.
 *
 *   w ← w − lr·wd·w
 *   m ← β1·m + (1 − β1)·g          v ← β2·v + (1 − β2)·g²
 *   w ← w − lr/(1 − β1ᵗ) · m / (√v / √(1 − β2ᵗ) + ε)
 *
 * WHY f64 in between: JavaScript computes in it anyway, and 1 − β2ᵗ at t = 1 keeps only three digits in f32.
 * @see Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2; PyTorch's `torch.optim.AdamW`
 */
export class AdamW implements Optimizer {
  readonly name = 'adamw';
  readonly state: { readonly firstMoment: Floats; readonly secondMoment: Floats };
  readonly #settings: AdamWSettings;
  #steps = 0;
  #learningRate = 0;
  #stepSize = 0;
  #gradientScale = 1;
  /** 1 / √(1 − β2ᵗ) */
  #secondCorrection = 1;

  /** @param like  the parameters; the state has their length and precision */
  constructor(like: Floats, settings: Partial<AdamWSettings> = {}, allocate: AllocateState = zerosLike) {
    this.state = { firstMoment: allocate(like, 'firstMoment'), secondMoment: allocate(like, 'secondMoment') };
    this.#settings = { ...adamWDefaults, ...settings };
  }

  get steps(): number {
    return this.#steps;
  }

  resume(steps: number): void {
    this.#steps = steps;
  }

  begin({ learningRate, gradientScale }: StepSettings): void {
    const { beta1, beta2 } = this.#settings;
    this.#steps += 1;
    this.#learningRate = learningRate;
    this.#gradientScale = gradientScale;
    this.#stepSize = learningRate / (1 - beta1 ** this.#steps);
    this.#secondCorrection = 1 / Math.sqrt(1 - beta2 ** this.#steps);
  }

  update(parameters: Floats, gradients: Floats, { start, end, weightDecay, rate = 1 }: ParameterGroup): void {
    const { firstMoment, secondMoment } = this.state;
    const { beta1, beta2, epsilon } = this.#settings;
    const [scale, stepSize, correction] = [this.#gradientScale, this.#stepSize * rate, this.#secondCorrection];
    const keep = 1 - this.#learningRate * rate * weightDecay;
    const [fresh1, fresh2] = [1 - beta1, 1 - beta2];
    for (let i = start; i < end; i++) {
      const g = (gradients[i] ?? 0) * scale;
      const m = beta1 * (firstMoment[i] ?? 0) + fresh1 * g;
      const v = beta2 * (secondMoment[i] ?? 0) + fresh2 * g * g;
      firstMoment[i] = m;
      secondMoment[i] = v;
      parameters[i] = (parameters[i] ?? 0) * keep - (stepSize * m) / (Math.sqrt(v) * correction + epsilon);
    }
  }
}
