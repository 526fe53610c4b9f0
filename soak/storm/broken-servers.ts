import type { GenerationRequest, GenerationService, TokenStream } from '../../src/service/index.ts';
import { EngineArena } from '../../src/engine/adapters/engine-arena.ts';
import type { Serving } from './served-here.ts';

/** Servers that are wrong in one way each. The storm must catch every one of them. */
export const brokenServers: Readonly<Record<string, (serving: Serving, service: GenerationService) => Serving>> = {
  'looks the name up at each token instead of leasing its version': (serving) => ({
    ...serving,
    engine: { generate: (request) => looksUpAtUse(serving, request) },
  }),
  'reports the version before': reportsVersionBefore,
  'gives the rows of an adapter away while streams read them': releasesRowsAtOnce,
};

async function* oneAfterAnother(serving: Serving, request: GenerationRequest): TokenStream {
  const alias = request.adapters[0]?.lease.alias;
  const tokens = [...request.tokens];
  for (let left = request.maxTokens; left > 0; left--) {
    using route = alias === undefined ? undefined : await serving.router.resolve(alias);
    const adapters = (route?.leases ?? []).map((lease) => ({ lease }));
    for await (const { token } of serving.engine.generate({ ...request, tokens, adapters, maxTokens: 1 })) {
      tokens.push(token);
      yield { token, ...(left === 1 ? { finishReason: 'length' as const } : {}) };
    }
  }
}

function looksUpAtUse(serving: Serving, request: GenerationRequest): TokenStream {
  const { reservation: _, ...rest } = request;
  return oneAfterAnother(serving, rest);
}

function reportsVersionBefore(serving: Serving): Serving {
  const seen = new Map<string, { readonly last: string | undefined; readonly before: string | undefined }>();
  const resolve: Serving['router']['resolve'] = async (model) => {
    const route = await serving.router.resolve(model);
    const { last, before } = seen.get(model) ?? { last: route.version, before: undefined };
    const now = route.version === last ? { last, before } : { last: route.version, before: last };
    seen.set(model, now);
    return { ...route, version: now.before ?? route.version };
  };
  const { router } = serving;
  return {
    ...serving,
    router: {
      resolve,
      resolveMixture: (adapters) => router.resolveMixture(adapters),
      assertKnown: (model) => router.assertKnown(model),
    },
  };
}

function releasesRowsAtOnce(serving: Serving, { engine: { arena } }: GenerationService): Serving {
  if (!(arena instanceof EngineArena)) throw new TypeError('the engine has no arena');
  const activate = arena.activate.bind(arena);
  arena.activate = async (claim) => {
    await activate(claim);
    arena.release(claim);
  };
  return serving;
}
