import type { FastifyInstance } from 'fastify';
import { EspalierError } from '../../core/index.ts';
import { causeOf } from '../adapters/change-cause.ts';
import { parseBody } from '../openai/parse-body.ts';
import { loadAdapterSchema, unloadAdapterSchema } from '../openai/request-body.ts';
import type { BaseContext } from '../../service/index.ts';

/** vLLM's `POST /v1/load_lora_adapter` and `/v1/unload_lora_adapter`. */
export function addLoraAdapters(app: FastifyInstance, context: BaseContext): void {
  app.post('/v1/load_lora_adapter', { config: { access: 'admin' } }, async (request) => {
    const body = parseBody(loadAdapterSchema, request.body);
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
  app.post('/v1/unload_lora_adapter', { config: { access: 'admin' } }, async (request) => {
    const body = parseBody(unloadAdapterSchema, request.body);
    await context.adapters.unload(body.lora_name, { cause: causeOf(request, undefined) });
    return { status: 'success', message: `LoRA adapter ${body.lora_name} is unloaded.`, name: body.lora_name };
  });
}
