import {
  type AllocateState,
  zerosLike,
  type Floats,
  type Optimizer,
  type ParameterGroup,
  type StepSettings,
} from './optimizer.ts';

export interface LionSettings {
  readonly beta1: number;
  readonly beta2: number;
}

/** The paper's defaults. */
export const lionDefaults = { beta1: 0.9, beta2: 0.99 } as const satisfies LionSettings;

/**
 * Lion: the update of every weight has the same magnitude, and only the sign of the momentum matters. Use a third to a tenth of AdamW's
 * learning rate, and a weight decay that is larger by the same factor.
 *
 *   w ← w − lr·wd·w
 *   w ← w − lr·sign(β1·m + (1 − β1)·g)
 *   m ← β2·m + (1 − β2)·g
 *
 * @see Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2
 */
export class Lion implements Optimizer {
  readonly name = 'lion';
  readonly state: { readonly momentum: Floats };
  readonly #settings: LionSettings;
  #steps = 0;
  #learningRate = 0;
  #gradientScale = 1;

  /** @param like  the parameters; the state has their length and precision */
  constructor(like: Floats, settings: Partial<LionSettings> = {}, allocate: AllocateState = zerosLike) {
    this.state = { momentum: allocate(like, 'momentum') };
    this.#settings = { ...lionDefaults, ...settings };
  }

  get steps(): number {
    return this.#steps;
  }

  resume(steps: number): void {
    this.#steps = steps;
  }

  begin({ learningRate, gradientScale }: StepSettings): void {
    this.#steps += 1;
    this.#learningRate = learningRate;
    this.#gradientScale = gradientScale;
  }

  update(parameters: Floats, gradients: Floats, { start, end, weightDecay, rate = 1 }: ParameterGroup): void {
    const { momentum } = this.state;
    const { beta1, beta2 } = this.#settings;
    const [scale, learningRate] = [this.#gradientScale, this.#learningRate * rate];
    const keep = 1 - learningRate * weightDecay;
    for (let i = start; i < end; i++) {
      const g = (gradients[i] ?? 0) * scale;
      const m = momentum[i] ?? 0;
      parameters[i] = (parameters[i] ?? 0) * keep - learningRate * Math.sign(beta1 * m + (1 - beta1) * g);
      momentum[i] = beta2 * m + (1 - beta2) * g;
    }
  }
}
