import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { checkTextLength } from '../../answering/index.ts';
import { describeValue, isFields } from '../../chat/index.ts';
import { EspalierError, Pace } from '../../core/index.ts';
import type { RerankContext } from '../../service/index.ts';
import type { EncoderInput } from '../../tokenizer/index.ts';
import { answeredByField, sayAnsweredBy } from '../answered-by.ts';
import { reader } from '../answering/request-readers.ts';
import { CallerLeft } from '../door/caller-left.ts';
import { parseBody } from '../door/parse-body.ts';
import { assertSeen } from '../keys/assert-seen.ts';
import { holderOf } from '../keys/key-holder.ts';
import { toldReading } from './told-reading.ts';
import { createFieldCheck } from './refuse-unsupported.ts';
import { nameInRequest } from './request-body.ts';

/** The limit of Cohere's API. */
const maxDocuments = 1000;

export const rerankSchema = z.looseObject({
  model: nameInRequest,
  query: z.string().min(1),
  documents: documentList(maxDocuments),
  top_n: z.number().int().positive().nullish(),
  return_documents: z.boolean().nullish(),
  truncation: z.boolean().nullish(),
});

type Body = z.output<typeof rerankSchema>;

const checkFields = createFieldCheck('rerank', Object.keys(rerankSchema.shape));

/** `POST /v1/rerank`: orders documents by how well they fit to a query, in the form that Cohere's and Jina's APIs share. */
export function addRerank(app: FastifyInstance, context: RerankContext): void {
  app.post(
    '/v1/rerank',
    { config: { access: 'inference', needsBase: true, keepsToNames: true } },
    async (request, reply) => {
      const body = parseBody(rerankSchema, request.body, checkFields);
      assertSeen(request, body.model);
      using route = await context.router.resolve(body.model);
      sayAnsweredBy(reply, route);
      const controller = new AbortController();
      reply.raw.once('close', () => {
        if (!reply.raw.writableFinished) controller.abort(new CallerLeft());
      });
      const pairs = await pairsOf(body, context);
      const tokens = pairs.reduce((sum, { ids }) => sum + ids.length, 0);
      holderOf(request).quota?.charge(tokens);
      const { scorer, onEnd } = context;
      const options = { adapter: route.leases[0], signal: controller.signal };
      const scores = await toldReading(request, { route, tokens, onEnd }, () => scorer.score(pairs, options));
      return {
        id: `rerank-${randomUUID()}`,
        object: 'list',
        model: body.model,
        results: ranked(scores, body.top_n ?? scores.length).map(({ index, score }) => ({
          index,
          relevance_score: score,
          ...(body.return_documents === true && { document: { text: body.documents[index] ?? '' } }),
        })),
        usage: { prompt_tokens: tokens, total_tokens: tokens },
        ...answeredByField(route),
      };
    },
  );
}

/** The best documents, best first. Of equal ones the first in the request comes first. */
export function ranked(scores: readonly number[], most: number): { readonly index: number; readonly score: number }[] {
  return scores
    .map((score, index) => ({ index, score }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, most);
}

/** Joins the query with each document, in slices. Too long a pair is refused before the first is computed. */
async function pairsOf({ query, documents, truncation }: Body, context: RerankContext): Promise<EncoderInput[]> {
  const { tokenizer, scorer } = context;
  if (tokenizer === undefined) {
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'query', problem: 'the base has no tokenizer' });
  }
  const { maxLength } = scorer;
  checkTextLength(query, 'query', maxLength);
  for (const [place, text] of documents.entries()) checkTextLength(text, `documents.${place}`, maxLength);
  const pace = new Pace();
  const pairs: EncoderInput[] = [];
  for (const [place, pair] of documents.entries()) {
    const cut = truncation === true ? { maxLength } : {};
    const input = tokenizer.encodeForEncoder(query, { pair, ...cut });
    if (input.ids.length > maxLength) {
      const [param, tokens] = [`documents.${place}`, input.ids.length];
      throw new EspalierError('INPUT_TOO_LONG', { param, tokens, limit: maxLength });
    }
    pairs.push(input);
    const turn = pace.step();
    if (turn) await turn;
  }
  return pairs;
}

/** Texts, or objects with a `text`, at most `most` of them. */
function documentList(most: number): z.ZodType<readonly string[]> {
  return reader<readonly string[]>((value) => {
    if (!Array.isArray(value) || value.length === 0) {
      return { problem: `a list of documents is expected, got ${describeValue(value)}` };
    }
    const list: readonly unknown[] = value;
    if (list.length > most) return { problem: `${list.length} came, and at most ${most} are taken` };
    const texts: string[] = [];
    for (const [place, one] of list.entries()) {
      const text = isFields(one) ? one['text'] : one;
      if (typeof text !== 'string') {
        const problem = `a text or an object with "text" is expected, got ${describeValue(one)}`;
        return { problem, path: [place] };
      }
      texts.push(text);
    }
    return { value: texts };
  });
}
