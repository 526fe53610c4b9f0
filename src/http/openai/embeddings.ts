import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { EspalierError, Pace } from '../../core/index.ts';
import { choosePrompt, inputTypes } from '../../models/index.ts';
import type { EmbeddingContext } from '../../service/index.ts';
import { holderOf } from '../keys/key-holder.ts';
import { assertSeen } from '../keys/assert-seen.ts';
import { answeredByField, sayAnsweredBy } from '../answered-by.ts';
import { checkTextLength } from '../../answering/index.ts';
import { CallerLeft } from '../door/caller-left.ts';
import { parseBody } from '../door/parse-body.ts';
import { nameInRequest } from './request-body.ts';
import { toldReading } from './told-reading.ts';
import { createFieldCheck } from './refuse-unsupported.ts';
import { textsOrTokens } from '../answering/request-readers.ts';

/** The limit of OpenAI's API. */
const maxInputs = 2048;

export const embeddingSchema = z.looseObject({
  model: nameInRequest,
  input: textsOrTokens(maxInputs),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.number().int().positive().nullish(),
  prompt_name: z.string().nullish(),
  input_type: z.enum(inputTypes).nullish(),
});

type Body = z.output<typeof embeddingSchema>;

const checkFields = createFieldCheck('embeddings', Object.keys(embeddingSchema.shape));

/** `POST /v1/embeddings`: embeds one or several texts, which come as text or as token ids. */
export function addEmbeddings(app: FastifyInstance, context: EmbeddingContext): void {
  app.post(
    '/v1/embeddings',
    { config: { access: 'inference', needsBase: true, keepsToNames: true } },
    async (request, reply) => {
      const body = parseBody(embeddingSchema, request.body, checkFields);
      assertSeen(request, body.model);
      refuseShorter(body, context);
      using route = await context.router.resolve(body.model);
      sayAnsweredBy(reply, route);
      const controller = new AbortController();
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) controller.abort(new CallerLeft());
      });
      const texts = await textsOf(body, context);
      const options = { adapter: route.leases[0], signal: controller.signal };
      const tokens = texts.reduce((sum, { length }) => sum + length, 0);
      holderOf(request).quota?.charge(tokens);
      const { embedder, onEnd } = context;
      const embeddings = await toldReading(request, { route, tokens, onEnd }, () => embedder.embed(texts, options));
      return {
        object: 'list',
        model: body.model,
        data: embeddings.map(({ vector }, index) => ({
          object: 'embedding',
          index,
          embedding: body.encoding_format === 'base64' ? base64Of(vector) : Array.from(vector),
        })),
        usage: { prompt_tokens: tokens, total_tokens: tokens },
        ...answeredByField(route),
      };
    },
  );
}

/** WHY refused: a vector can be shortened only if the model was trained for it (Matryoshka representation learning). */
function refuseShorter({ dimensions }: Body, { width }: EmbeddingContext): void {
  if (dimensions === undefined || dimensions === null || dimensions === width) return;
  const problem = `this model gives ${width ?? 'whole'} dimensions, and was not trained to be cut to ${dimensions}`;
  throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'dimensions', problem });
}

/** Tokenizes texts in slices. A text with too many characters is refused before the first is tokenized. */
async function textsOf(
  { input: { texts: given, isOne }, ...body }: Body,
  { tokenizer, embedder, prompts }: EmbeddingContext,
): Promise<(readonly number[])[]> {
  const prompt = promptOf(body, prompts);
  if (typeof body.prompt_name === 'string' && given.some((text) => typeof text !== 'string')) {
    throw new EspalierError('REQUEST_INVALID', {
      param: 'prompt_name',
      problem: 'a prompt stands before texts, not before token ids',
    });
  }
  const texts = given.map((text) => (typeof text === 'string' ? prompt + text : text));
  const paramOf = (place: number): string => (isOne ? 'input' : `input.${place}`);
  for (const [place, text] of texts.entries()) checkTextLength(text, paramOf(place), embedder.maxLength);
  const pace = new Pace();
  const all: (readonly number[])[] = [];
  for (const [place, text] of texts.entries()) {
    if (typeof text === 'string' && tokenizer === undefined) {
      const problem = 'the base has no tokenizer, send token ids';
      throw new EspalierError('REQUEST_UNSUPPORTED', { param: paramOf(place), problem });
    }
    const tokens = typeof text === 'string' ? (tokenizer?.encodeForEncoder(text).ids ?? []) : text;
    // WHY not left to the model: thousands of others would be tokenized before it sees this one.
    if (tokens.length > embedder.maxLength) {
      const [param, limit] = [paramOf(place), embedder.maxLength];
      throw new EspalierError('INPUT_TOO_LONG', { param, tokens: tokens.length, limit });
    }
    all.push(tokens);
    const turn = pace.step();
    if (turn) await turn;
  }
  return all;
}

/** What stands before each text. */
function promptOf(
  { prompt_name: name, input_type: type }: Pick<Body, 'prompt_name' | 'input_type'>,
  prompts: EmbeddingContext['prompts'],
): string {
  const chosen = choosePrompt(prompts, { name: name ?? undefined, type: type ?? undefined });
  if ('prompt' in chosen) return chosen.prompt;
  throw new EspalierError('REQUEST_INVALID', { param: 'prompt_name', problem: chosen.problem });
}

/** Little-endian f32, as OpenAI's clients read it. */
function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
