import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { causeOf } from '../adapters/change-cause.ts';
import { assertLoadable, assertSeen } from '../keys/assert-seen.ts';
import { parseBody } from '../door/parse-body.ts';
import { loadAdapterSchema, unloadAdapterSchema } from '../openai/request-body.ts';
import type { BaseContext } from '../../service/index.ts';

/** vLLM's `POST /v1/load_lora_adapter` and `/v1/unload_lora_adapter`. */
export function addLoraAdapters(app: FastifyInstance, context: BaseContext): void {
  const admin = { config: { access: 'admin', keepsToNames: true } } as const;
  app.post('/v1/load_lora_adapter', admin, async (request) => {
    const body = parseBody(loadAdapterSchema, request.body);
    assertLoadable(request, body.lora_name, body.lora_path);
    if (body.lora_name === context.baseName) {
      throw new EspalierError('REQUEST_INVALID', {
        param: 'lora_name',
        problem: `${body.lora_name} is the name of the base`,
      });
    }
    const { name, version } = await context.adapters.load(body.lora_name, body.lora_path, {
      replace: body.load_inplace,
      anyBase: body.any_base,
      cause: causeOf(request, undefined),
    });
    return { status: 'success', message: `LoRA adapter ${name} is loaded.`, name, version };
  });
  app.post('/v1/unload_lora_adapter', admin, async (request) => {
    const body = parseBody(unloadAdapterSchema, request.body);
    assertSeen(request, body.lora_name);
    await context.adapters.unload(body.lora_name, { cause: causeOf(request, undefined) });
    return { status: 'success', message: `LoRA adapter ${body.lora_name} is unloaded.`, name: body.lora_name };
  });
}
