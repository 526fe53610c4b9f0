import type { GenerationEngine, TokenStream } from '../../service/index.ts';
import type { Quota } from '../keys/quota.ts';

/** Charges the tokens of a request to the limits of its key: the prompt's when a choice begins, the answer's when the request ends. */
export class TokenMeter implements Disposable {
  readonly #quota: Pick<Quota, 'charge'>;
  readonly #streams: TokenStream[] = [];

  constructor(quota: Pick<Quota, 'charge'>) {
    this.#quota = quota;
  }

  /** The engine, with what it reads and writes counted. WHY only where an answer begins and ends: a step must not cost more. */
  watch(engine: GenerationEngine): GenerationEngine {
    return {
      generate: (request) => {
        const stream = engine.generate(request);
        this.#quota.charge(request.tokens.length);
        this.#streams.push(stream);
        return stream;
      },
      ...(engine.reserve && { reserve: engine.reserve.bind(engine) }),
    };
  }

  [Symbol.dispose](): void {
    for (const { generated = 0 } of this.#streams.splice(0)) this.#quota.charge(generated);
  }
}
