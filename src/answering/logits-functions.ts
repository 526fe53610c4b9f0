import { didYouMean, EspalierError } from '../core/index.ts';
import type { Drawing } from './drawing.ts';
import type { GenerationRequest, ServingContext } from '../service/index.ts';

/**
 * The logits processors of a request. WHY by names that the owner of the server has given where it comes over HTTP: it brings no code.
 * @throws EspalierError REQUEST_INVALID for a name that is not there
 */
export function logitsFunctionsOf(
  asked: NonNullable<Drawing['processors']>,
  registered: NonNullable<ServingContext['logitsProcessors']> = new Map(),
): Pick<GenerationRequest, 'logitsFunctions'> {
  if (asked.length === 0) return {};
  const logitsFunctions = asked.map((name, place) => {
    if (typeof name !== 'string') return name;
    const change = registered.get(name);
    if (change !== undefined) return { name, change };
    const known = [...registered.keys()];
    const there = known.length === 0 ? 'The server has none' : `The server has ${known.join(', ')}`;
    const hint = didYouMean(name, known);
    const problem = `no logits processor is called ${JSON.stringify(name)}.${hint} ${there}`;
    throw new EspalierError('REQUEST_INVALID', { param: `logits_processors.${place}`, problem });
  });
  return { logitsFunctions };
}
