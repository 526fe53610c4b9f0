import type { FastifyInstance } from 'fastify';
import { EspalierError, Pace } from '../../core/index.ts';
import {
  askedModelOf,
  type AnswerContext,
  type Prompt,
  checkTextLength,
  type TextOrTokens,
} from '../../answering/index.ts';
import { answerFormOf } from './answer-form.ts';
import { completionLogprobs } from './logprobs.ts';
import { completionSchema, type CompletionBody } from './request-body.ts';
import { parseBody } from '../door/parse-body.ts';
import { maxChoices } from '../answering/request-readers.ts';
import { createFieldCheck } from './refuse-unsupported.ts';
import { choicesFormat, type ChoiceFormat } from './choices-format.ts';
import { drawingOf } from './sampling-of.ts';
import { assertServed } from '../answering/asked-adapters.ts';
import { callerOf, rolloutKeyOf } from '../answering/caller.ts';
import { answerRequest } from '../answering/answer-request.ts';
import { reservePlace } from '../answering/reserve-place.ts';
import type { ServingContext } from '../../service/index.ts';

/** OpenAI's default length of a completion. */
const defaultMaxTokens = 16;

const checkFields = createFieldCheck('completions', Object.keys(completionSchema.shape));

/** `POST /v1/completions`: continues a text or token ids. */
export function addCompletions(app: FastifyInstance, server: ServingContext): void {
  const options = {
    config: { access: 'inference', needsBase: true, keepsToNames: true },
    onRequest: reservePlace(server),
  } as const;
  app.post('/v1/completions', options, async (request, reply) => {
    const body = parseBody(completionSchema, request.body, checkFields);
    // What can be refused is refused before a text is tokenized.
    const choices = choicesOf(body);
    const asked = askedModelOf(body, server.baseName);
    assertServed(request, server, asked);
    request.place?.resize(choices);
    const format = completionFormat(body.return_token_ids === true || server.tokenizer === undefined);
    const includeUsage = body.stream_options?.include_usage === true;
    return answerRequest(server, reply, {
      ...asked,
      constraint: answerFormOf(body),
      drawing: drawingOf(body, body.logprobs ?? undefined),
      isStreamed: body.stream === true,
      caller: callerOf(request, body),
      rolloutKey: rolloutKeyOf(body),
      prompts: (context) => promptsOf(body, context),
      length: { param: 'max_tokens', asked: body.max_tokens, byDefault: defaultMaxTokens },
      format: (head) => choicesFormat(head, format, { includeUsage }),
      continuesPrompt: true,
      echo: body.echo === true,
    });
  });
}

/** Tokenizes the prompts in slices. Everything that can be refused by its size is refused before the first text is tokenized. */
async function promptsOf({ prompt: { texts } }: CompletionBody, context: AnswerContext): Promise<Prompt[]> {
  for (const text of texts) checkTextLength(text, 'prompt', context.maxLength);
  const pace = new Pace();
  const prompts: Prompt[] = [];
  for (const text of texts) {
    const prompt = await promptOf(text, context);
    // WHY not left to the engine: hundreds of others would be tokenized before it sees this one.
    if (prompt.tokens.length > context.maxLength) {
      throw new EspalierError('PROMPT_TOO_LONG', { tokens: prompt.tokens.length, limit: context.maxLength });
    }
    prompts.push(prompt);
    const turn = pace.step();
    if (turn) await turn;
  }
  return prompts;
}

function choicesOf({ prompt: { texts }, n }: CompletionBody): number {
  const each = n ?? 1;
  if (texts.length * each <= maxChoices) return texts.length * each;
  const problem = `${texts.length} prompts with n = ${each} came, and a request has at most ${maxChoices} choices`;
  throw new EspalierError('REQUEST_INVALID', { param: 'prompt', problem });
}

async function promptOf(text: TextOrTokens, { tokenizer }: AnswerContext): Promise<Prompt> {
  if (typeof text !== 'string') return { tokens: text };
  if (tokenizer === undefined) {
    const problem = 'the base has no tokenizer, send token ids';
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'prompt', problem });
  }
  return { text, tokens: await tokenizer.encodeInSlices(text, { bos: true }) };
}

function completionFormat(withTokenIds: boolean): ChoiceFormat {
  return {
    idPrefix: 'cmpl',
    object: 'text_completion',
    chunkObject: 'text_completion',
    chunk: (index, { text, tokenIds, logprobs, finishReason }) => ({
      index,
      text,
      logprobs: logprobs === undefined ? null : completionLogprobs(logprobs),
      finish_reason: finishReason ?? null,
      ...(withTokenIds ? { token_ids: tokenIds } : {}),
    }),
    choice(index, piece) {
      return this.chunk(index, piece);
    },
  };
}
