import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { EmbeddingContext } from '../../service/index.ts';
import { checkTextLength } from './prompt-text.ts';
import { parseBody } from './request-body.ts';

/** As many as OpenAI takes. */
const maxInputs = 2048;

const tokenIds = z.array(z.number().int().nonnegative()).min(1);

const schema = z.looseObject({
  model: z.string().min(1),
  input: z.union([
    z.string(),
    tokenIds,
    z.array(z.string()).min(1).max(maxInputs),
    z.array(tokenIds).min(1).max(maxInputs),
  ]),
  encoding_format: z.enum(['float', 'base64']).default('float'),
  dimensions: z.number().int().positive().nullish(),
});

type Body = z.output<typeof schema>;

/** `POST /v1/embeddings`: one text or many, as text or as tokens, become vectors. */
export function addEmbeddings(app: FastifyInstance, context: EmbeddingContext): void {
  app.post('/v1/embeddings', { config: { access: 'inference' } }, async (request, reply) => {
    if (context.isShuttingDown()) throw new EspalierError('SHUTTING_DOWN', {});
    const body = parseBody(schema, request.body);
    refuseShorter(body, context);
    using route = await context.router.resolve(body.model);
    const controller = new AbortController();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) controller.abort(new Error('The client went away'));
    });
    const texts = textsOf(body, context);
    const options = { adapter: route.leases[0], signal: controller.signal };
    const embeddings = await context.embedder.embed(texts, options);
    const tokens = texts.reduce((sum, { length }) => sum + length, 0);
    return {
      object: 'list',
      model: body.model,
      data: embeddings.map(({ vector }, index) => ({
        object: 'embedding',
        index,
        embedding: body.encoding_format === 'base64' ? base64Of(vector) : Array.from(vector),
      })),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  });
}

/** WHY refused: only a model that was trained so (as Matryoshka dolls are) keeps its meaning when it is cut. */
function refuseShorter({ dimensions }: Body, { width }: EmbeddingContext): void {
  if (dimensions === undefined || dimensions === null || dimensions === width) return;
  const problem = `this model gives ${width ?? 'whole'} dimensions, and was not trained to be cut to ${dimensions}`;
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'dimensions', problem });
}

function textsOf({ input }: Body, { tokenizer, embedder }: EmbeddingContext): (readonly number[])[] {
  const isOne = typeof input === 'string' || typeof input[0] === 'number';
  const inputs = (isOne ? [input] : input) as readonly (string | readonly number[])[];
  return inputs.map((one, place) => {
    if (typeof one !== 'string') return one;
    const param = isOne ? 'input' : `input.${place}`;
    if (tokenizer === undefined) {
      const problem = 'the base has no tokenizer, send token ids';
      throw new EspalierError('REQUEST_UNSUPPORTED', { param, problem });
    }
    checkTextLength(one, param, embedder.maxLength);
    return tokenizer.encodeForEncoder(one).ids;
  });
}

/** Little-endian f32, as OpenAI's clients read it. */
function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
