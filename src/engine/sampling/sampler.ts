import { EspalierError, type Random } from '../../core/index.ts';
import { isCandidates, type Candidates, type TokenScores } from './token-scores.ts';
import { TokenHeap } from './token-heap.ts';

/** How a token is drawn. Temperature 0 is greedy, and needs no random numbers. */
export interface SamplingOptions {
  readonly temperature: number;
  /** Only the k likeliest tokens; 0 = all. */
  readonly topK: number;
  /** Only the likeliest tokens that together reach this probability; 1 = all. */
  readonly topP: number;
  /** Only tokens at least this share as likely as the likeliest; 0 = all. */
  readonly minP?: number;
}

export interface TokenLogprob {
  readonly token: number;
  /** Natural logarithm of the probability that the model itself gives. */
  readonly logprob: number;
}

/** How likely one token was, and which would have been likeliest in its place. */
export interface LogprobReport {
  readonly logprob: number;
  /** Likeliest first. */
  readonly topLogprobs?: readonly TokenLogprob[];
}

/**
 * Draws tokens from rows of logits. One sampler serves all requests in turn; its scratch arrays are made once.
 *
 *   p = softmax(logits / temperature), cut to those of at least `minP` · max p, then to the `topK` likeliest, then to the fewest that
 *   reach `topP` of what is left
 *
 * Among equal logits the lowest id counts as the likelier, so that greedy is the first maximum.
 */
export class Sampler {
  readonly #weights: Float64Array;
  readonly #heap: TokenHeap;
  /** The likeliest tokens of a row, where few are asked for. */
  readonly #best = new Uint32Array(32);
  readonly #vocabulary: number;
  #changed: Float32Array | undefined;
  /** For rows of candidates alone. */
  #few: Sampler | undefined;

  /** @param vocabulary  length of a row of logits */
  constructor(vocabulary: number) {
    this.#weights = new Float64Array(vocabulary);
    this.#heap = new TokenHeap(vocabulary);
    this.#vocabulary = vocabulary;
  }

  /** A row for logits as a request's processors change them: made with the first such request, and used by all in turn. */
  get changed(): Float32Array {
    this.#changed ??= new Float32Array(this.#vocabulary);
    return this.#changed;
  }

  /**
   * Draws from all logits, or from as many of the likeliest tokens as `options` need.
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
   * @throws EspalierError LOGITS_NOT_FINITE when no logit is a finite number that is the largest
   */
  sample(logits: Float32Array, options: SamplingOptions, random: Random | undefined): number {
    const { temperature, topK, topP, minP = 0 } = options;
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
    const cut = topP < 1 || (topK > 0 && topK < logits.length);
    return cut ? this.#drawFromLikeliest(topK, topP, total, random) : this.#drawFromAll(total, random, likeliest);
  }

  /** The likeliest token's weight is 1, so that weights are shares of it. */
  #cutBelow(minP: number): number {
    let total = 0;
    for (let token = 0; token < this.#weights.length; token++) {
      const weight = this.#weights[token] ?? 0;
      if (weight < minP) this.#weights[token] = 0;
      else total += weight;
    }
    return total;
  }

  /** Walks down from the likeliest, and stops as soon as the cuts and the draw are decided. */
  #drawFromLikeliest(topK: number, topP: number, total: number, random: Random): number {
    const heap = this.#heap.fill(this.#weights);
    const limit = topK > 0 ? Math.min(topK, heap.size) : heap.size;
    // The mass that topP speaks of is that of the tokens which topK left.
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

  /** The place, among the first `count` popped, where the running sum passes `target`. */
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
   * @param scores  the model's own; where they are candidates, the token and the `top` likeliest are among them
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

/** log Σ exp(x), with the maximum taken out first so that nothing overflows. */
function logSumExp(logits: Float32Array): number {
  const maximum = logits[argmax(logits)] ?? 0;
  let sum = 0;
  for (let token = 0; token < logits.length; token++) sum += Math.exp((logits[token] ?? 0) - maximum);
  return maximum + Math.log(sum);
}
