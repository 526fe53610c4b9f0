import type { MixedAdapter } from '../routing/index.ts';
import type { GenerationRoute, ServingContext } from '../service/index.ts';

/** Who is to answer a request. */
export interface AskedModel {
  /** As the request gives it. */
  readonly model: string;
  /** The adapters whose updates are added up for it. undefined: what `model` names answers. */
  readonly mixture?: readonly MixedAdapter[] | undefined;
}

/** @throws EspalierError the errors of the router */
export function resolveAsked(
  { router }: Pick<ServingContext, 'router'>,
  { model, mixture }: AskedModel,
  key: string | undefined,
): Promise<GenerationRoute> {
  return mixture === undefined ? router.resolve(model, key) : router.resolveMixture(mixture);
}
