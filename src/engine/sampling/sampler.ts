import { EspalierError, type Random } from '../../core/index.ts';
import { isCandidates, type Candidates, type TokenScores } from './token-scores.ts';
import { TokenHeap } from './token-heap.ts';

/** How a token is drawn. Temperature 0 is greedy and uses no random numbers. */
export interface SamplingOptions {
  readonly temperature: number;
  /** Draws only from the k most likely tokens; 0 = all. */
  readonly topK: number;
  /** Draws only from the most likely tokens that together reach this probability; 1 = all. */
  readonly topP: number;
  /** Draws only from tokens whose probability is at least this fraction of the largest; 0 = all. */
  readonly minP?: number;
  /** Draws only from the tokens whose surprise is nearest to the expected one and that together reach this probability; 1 = all. */
  readonly typicalP?: number;
}

export interface TokenLogprob {
  readonly token: number;
  /** Natural logarithm of the probability under the model itself. */
  readonly logprob: number;
}

/** The log-probability of one token, and the most likely tokens at its position. */
export interface LogprobReport {
  readonly logprob: number;
  /** Likeliest first. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

/**
 * Draws tokens from rows of logits. One sampler serves all requests in turn. Its scratch arrays are allocated once.
 *
 *   p = softmax(logits / temperature), cut to those of at least `minP` · max p, then to the `topK` likeliest, then to the fewest with
 *   the least |−log p − H|, H = −Σ p log p, that reach `typicalP` of what is left, then to the fewest that reach `topP` of what is left
 *
 * Of equal logits the one with the lower id counts as more likely, so greedy takes the first maximum.
 *
 * @see Meister et al. 2023, "Locally typical sampling", eq. 9 and 10, for `typicalP`
 */
export class Sampler {
  readonly #weights: Float64Array;
  readonly #heap: TokenHeap;
  /** The most likely tokens of a row, if few are asked for. */
  readonly #best = new Uint32Array(32);
  readonly #vocabulary: number;
  #changed: Float32Array | undefined;
  /** How far the surprise of each token is from the expected one, negated. Allocated at the first request that needs it. */
  #nearness: Float64Array | undefined;
  /** The sampler for rows of candidates. */
  #few: Sampler | undefined;

  /** @param vocabulary  length of a row of logits */
  constructor(vocabulary: number) {
    this.#weights = new Float64Array(vocabulary);
    this.#heap = new TokenHeap(vocabulary);
    this.#vocabulary = vocabulary;
  }

  /** A row for the logits that a request's processors change. Allocated at the first such request, and used by all in turn. */
  get changed(): Float32Array {
    this.#changed ??= new Float32Array(this.#vocabulary);
    return this.#changed;
  }

  /**
   * Draws from all logits, or from as many of the most likely tokens as `options` need.
   * @throws EspalierError LOGITS_NOT_FINITE
   */
  draw(scores: TokenScores, options: SamplingOptions, random: Random | undefined): number {
    if (!isCandidates(scores)) return this.sample(scores, options, random);
    const { tokens, logits } = scores;
    if (this.#few === undefined || this.#few.#vocabulary !== logits.length) this.#few = new Sampler(logits.length);
    return tokens[this.#few.sample(logits, options, random)] ?? 0;
  }

  /**
   * @param logits  f32 [vocabulary]
   * @returns the token's id
   * @throws EspalierError LOGITS_NOT_FINITE if the largest logit is not a finite number
   */
  sample(logits: Float32Array, options: SamplingOptions, random: Random | undefined): number {
    const { temperature, topK, topP, minP = 0, typicalP = 1 } = options;
    const likeliest = argmax(logits);
    if (temperature === 0 || topK === 1 || random === undefined) return likeliest;
    const maximum = logits[likeliest] ?? 0;
    const weights = this.#weights;
    let total = 0;
    for (let token = 0; token < logits.length; token++) {
      const weight = Math.exp(((logits[token] ?? 0) - maximum) / temperature);
      weights[token] = weight;
      total += weight;
    }
    if (minP > 0) total = this.#cutBelow(minP);
    if (typicalP < 1) total = this.#cutAtypical(typicalP, topK);
    const cut = topP < 1 || (topK > 0 && topK < logits.length);
    return cut ? this.#drawFromLikeliest(topK, topP, total, random) : this.#drawFromAll(total, random, likeliest);
  }

  /** The weight of the most likely token is 1, so weights are fractions of it. */
  #cutBelow(minP: number): number {
    let total = 0;
    for (let token = 0; token < this.#weights.length; token++) {
      const weight = this.#weights[token] ?? 0;
      if (weight < minP) this.#weights[token] = 0;
      else total += weight;
    }
    return total;
  }

  /** Keeps the typical ones of the `topK` likeliest tokens (0: of all), and sets the weights of the others to 0. */
  #cutAtypical(typicalP: number, topK: number): number {
    const weights = this.#weights;
    if (topK > 0) {
      const heap = this.#heap.fill(weights);
      for (let count = Math.min(topK, heap.size); count > 0; count--) heap.pop();
      this.#dropRemaining();
    }
    let [total, weighted] = [0, 0];
    for (const weight of weights) {
      total += weight;
      if (weight > 0) weighted += weight * Math.log(weight);
    }
    // −log p of a token is log(total) − log(weight), and H is the mean of that: log(total) leaves the difference.
    const mean = weighted / total;
    const nearness = (this.#nearness ??= new Float64Array(this.#vocabulary));
    for (let token = 0; token < weights.length; token++) {
      const weight = weights[token] ?? 0;
      nearness[token] = weight > 0 ? -Math.abs(mean - Math.log(weight)) : -Infinity;
    }
    const heap = this.#heap.fill(nearness);
    let kept = 0;
    do kept += weights[heap.pop()] ?? 0;
    while (heap.size > 0 && kept < typicalP * total);
    this.#dropRemaining();
    return kept;
  }

  /** Sets the weights of the tokens that the heap still holds to 0. */
  #dropRemaining(): void {
    for (let place = 0; place < this.#heap.size; place++) this.#weights[this.#heap.remaining(place)] = 0;
  }

  /** Visits tokens from the most likely one down, and stops as soon as the limits and the draw are decided. */
  #drawFromLikeliest(topK: number, topP: number, total: number, random: Random): number {
    const heap = this.#heap.fill(this.#weights);
    const limit = topK > 0 ? Math.min(topK, heap.size) : heap.size;
    // topP applies to the probability of the tokens that topK left.
    const left = topK > 0 ? this.#massOf(limit) : total;
    const wanted = topP * left;
    let kept = 0;
    let count = 0;
    heap.restart();
    while (count < limit && (count === 0 || kept < wanted)) {
      kept += this.#weights[heap.pop()] ?? 0;
      count++;
    }
    return heap.popped(this.#pick(random.uniform() * kept, count));
  }

  #massOf(count: number): number {
    let mass = 0;
    for (let i = 0; i < count; i++) mass += this.#weights[this.#heap.pop()] ?? 0;
    return mass;
  }

  /** The index, among the first `count` popped tokens, at which the running sum exceeds `target`. */
  #pick(target: number, count: number): number {
    let sum = 0;
    for (let place = 0; place < count; place++) {
      sum += this.#weights[this.#heap.popped(place)] ?? 0;
      if (target < sum) return place;
    }
    return count - 1;
  }

  #drawFromAll(total: number, random: Random, otherwise: number): number {
    const target = random.uniform() * total;
    let sum = 0;
    for (let token = 0; token < this.#weights.length; token++) {
      sum += this.#weights[token] ?? 0;
      if (target < sum) return token;
    }
    return otherwise;
  }

  /**
   * Log-probabilities of a token and of the `top` likeliest of its row.
   * @param scores of the model itself; candidates must contain the token and the `top` most likely tokens
   * @throws EspalierError LOGITS_NOT_FINITE
   */
  report(scores: TokenScores, token: number, top: number): LogprobReport {
    if (isCandidates(scores)) return reportOfCandidates(scores, token, top);
    const logits = scores;
    const normalizer = logSumExp(logits);
    const logprob = (logits[token] ?? Number.NaN) - normalizer;
    return top === 0 ? { logprob } : { logprob, topLogprobs: this.#top(logits, top, normalizer) };
  }

  #top(logits: Float32Array, count: number, normalizer: number): TokenLogprob[] {
    const wanted = Math.min(count, logits.length);
    const heap = wanted > this.#best.length ? this.#heap.fill(logits) : undefined;
    if (heap === undefined) this.#findBest(logits, wanted);
    const result: TokenLogprob[] = [];
    while (result.length < wanted) {
      const token = heap?.pop() ?? this.#best[result.length] ?? 0;
      result.push({ token, logprob: (logits[token] ?? 0) - normalizer });
    }
    return result;
  }

  /** Keeps a short list sorted in one pass: nearly every token is below its last one, and costs one comparison. */
  #findBest(logits: Float32Array, count: number): void {
    const best = this.#best;
    let size = 0;
    let least = -Infinity;
    for (let token = 0; token < logits.length; token++) {
      const logit = logits[token] ?? -Infinity;
      if (size === count && !(logit > least)) continue;
      let place = size < count ? size++ : count - 1;
      for (; place > 0 && (logits[best[place - 1] ?? 0] ?? 0) < logit; place--) best[place] = best[place - 1] ?? 0;
      best[place] = token;
      least = logits[best[size - 1] ?? 0] ?? -Infinity;
    }
  }
}

function reportOfCandidates({ tokens, logits, logSumExp }: Candidates, token: number, top: number): LogprobReport {
  const at = (place: number): TokenLogprob => {
    return { token: tokens[place] ?? 0, logprob: (logits[place] ?? Number.NaN) - logSumExp };
  };
  const { logprob } = at(tokens.indexOf(token));
  return top === 0 ? { logprob } : { logprob, topLogprobs: Array.from({ length: top }, (_, place) => at(place)) };
}

/** The first of the largest logits. */
export function argmax(logits: Float32Array): number {
  let best = 0;
  let bestLogit = -Infinity;
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] ?? -Infinity;
    if (logit > bestLogit) {
      bestLogit = logit;
      best = token;
    }
  }
  if (!Number.isFinite(bestLogit)) throw new EspalierError('LOGITS_NOT_FINITE', {});
  return best;
}

/** log Σ exp(x). The maximum is subtracted first, so that nothing overflows. */
function logSumExp(logits: Float32Array): number {
  const maximum = logits[argmax(logits)] ?? 0;
  let sum = 0;
  for (let token = 0; token < logits.length; token++) sum += Math.exp((logits[token] ?? 0) - maximum);
  return maximum + Math.log(sum);
}
