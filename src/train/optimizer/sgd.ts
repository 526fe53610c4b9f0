import {
  type AllocateState,
  zerosLike,
  type Floats,
  type Optimizer,
  type ParameterGroup,
  type StepSettings,
} from './optimizer.ts';

export interface SgdSettings {
  /** The momentum factor μ; 0 needs no state. */
  readonly momentum: number;
  /** Nesterov momentum, which evaluates the direction one step ahead. Needs momentum. */
  readonly nesterov: boolean;
}

/** PyTorch's defaults. */
export const sgdDefaults = { momentum: 0, nesterov: false } as const satisfies SgdSettings;

/**
 * Stochastic gradient descent with momentum and weight decay, as in PyTorch: weight decay is added to the gradient (coupled), and the
 * momentum buffer is a sum, not a mean.
 *
 *   g ← g + wd·w
 *   b ← μ·b + g
 *   w ← w − lr·b                (nesterov: w − lr·(g + μ·b))
 *
 * @see Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning"; PyTorch's `torch.optim.SGD`
 */
export class Sgd implements Optimizer {
  readonly name = 'sgd';
  readonly state: Readonly<Record<string, Floats>>;
  readonly #settings: SgdSettings;
  readonly #direction: Floats | undefined;
  #steps = 0;
  #learningRate = 0;
  #gradientScale = 1;

  /** @param like  the parameters; the state has their length and precision */
  constructor(like: Floats, settings: Partial<SgdSettings> = {}, allocate: AllocateState = zerosLike) {
    this.#settings = { ...sgdDefaults, ...settings };
    this.#direction = this.#settings.momentum > 0 ? allocate(like, 'direction') : undefined;
    this.state = this.#direction === undefined ? {} : { direction: this.#direction };
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
    const { momentum, nesterov } = this.#settings;
    const direction = this.#direction;
    const [scale, learningRate] = [this.#gradientScale, this.#learningRate * rate];
    for (let i = start; i < end; i++) {
      const w = parameters[i] ?? 0;
      const g = (gradients[i] ?? 0) * scale + weightDecay * w;
      if (direction === undefined) {
        parameters[i] = w - learningRate * g;
        continue;
      }
      const b = momentum * (direction[i] ?? 0) + g;
      direction[i] = b;
      parameters[i] = w - learningRate * (nesterov ? g + momentum * b : b);
    }
  }
}
