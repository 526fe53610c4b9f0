import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { EspalierError, Pace } from '../../core/index.ts';
import type { ServingContext } from '../../service/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';
import { assertSeen } from '../keys/assert-seen.ts';
import { chatPromptOf, contextFor, chatBodyLimit, checkTextLength } from '../../answering/index.ts';
import { parseBody } from '../door/parse-body.ts';
import { createFieldCheck } from '../openai/refuse-unsupported.ts';
import { chatFields, nameInRequest } from '../openai/request-body.ts';
import { variablesOf } from '../openai/template-variables.ts';
import { chatTools, tokenIdList } from '../answering/request-readers.ts';

/** Several times the context of any base. WHY a limit: each id is looked at before a text is begun. */
const maxTokens = 2 ** 17;

export const tokenizeSchema = z
  .looseObject({
    model: nameInRequest.nullish(),
    prompt: z.string().nullish(),
    ...chatFields,
    messages: chatFields.messages.nullish(),
    tools: chatTools.nullish(),
    add_generation_prompt: z.boolean().nullish(),
    add_special_tokens: z.boolean().nullish(),
    return_token_strs: z.boolean().nullish(),
  })
  .refine(({ prompt, messages }) => isGiven(prompt) !== isGiven(messages), {
    path: ['prompt'],
    error: 'either a text as "prompt" or "messages" are expected, and not both',
  })
  .refine(({ messages, add_special_tokens: added }) => !isGiven(messages) || added !== true, {
    path: ['add_special_tokens'],
    error: 'the chat template writes the special tokens of messages; leave it out',
  });

export const detokenizeSchema = z.looseObject({ model: nameInRequest.nullish(), tokens: tokenIdList(maxTokens) });

type TokenizeBody = z.output<typeof tokenizeSchema>;

const checkTokenize = createFieldCheck('tokenize', Object.keys(tokenizeSchema.shape));
const checkDetokenize = createFieldCheck('detokenize', Object.keys(detokenizeSchema.shape));

/**
 * vLLM's `POST /tokenize` and `/detokenize`, also below `/v1`: the tokens that completions and chat completions make of the same fields,
 * by the tokenizer and the template of the adapter that is named, and the text of tokens. Without a `model` it is the base.
 */
export function addTokenize(app: FastifyInstance, server: ServingContext): void {
  const common = { access: 'inference', keepsToNames: true } as const;
  const options = {
    bodyLimit: chatBodyLimit(server.maxLength, app.initialConfig.bodyLimit ?? Infinity),
    config: { ...common, contextTokens: server.maxLength },
  };
  for (const prefix of ['', '/v1']) {
    app.post(`${prefix}/tokenize`, options, async (request) => {
      const body = parseBody(tokenizeSchema, request.body, checkTokenize);
      return withTokenizer(server, request, body.model, async (context) => {
        const tokens = await tokensOf(body, context);
        const names = body.return_token_strs === true ? await namesOf(tokens, context.tokenizer) : null;
        return { count: tokens.length, max_model_len: server.maxLength, tokens, token_strs: names };
      });
    });
    app.post(`${prefix}/detokenize`, { config: common }, async (request) => {
      const { model, tokens } = parseBody(detokenizeSchema, request.body, checkDetokenize);
      return withTokenizer(server, request, model, async ({ tokenizer }) => ({
        prompt: await textOf(tokens, tokenizer),
      }));
    });
  }
}

/** A context whose base or adapter has a tokenizer. */
type TokenizerContext = ServingContext & { readonly tokenizer: Tokenizer };

/** Calls back with the tokenizer of the version that would answer. It is leased meanwhile. */
async function withTokenizer<Answer>(
  server: ServingContext,
  request: FastifyRequest,
  named: string | null | undefined,
  answer: (context: TokenizerContext) => Promise<Answer>,
): Promise<Answer> {
  const model = named ?? server.baseName;
  assertSeen(request, model);
  server.router.assertKnown(model);
  const turn = request.server.turnstile.enter();
  if (turn) await turn;
  using route = await server.router.resolve(model);
  const context = contextFor(server, route);
  const { tokenizer } = context;
  if (tokenizer === undefined) {
    throw new EspalierError('REQUEST_UNSUPPORTED', { param: 'model', problem: 'the base has no tokenizer' });
  }
  return await answer({ ...context, tokenizer });
}

async function tokensOf(body: TokenizeBody, context: TokenizerContext): Promise<readonly number[]> {
  const { prompt, messages } = body;
  if (messages !== undefined && messages !== null) {
    const { tools, documents } = body;
    const chat = {
      messages,
      tools: tools ?? undefined,
      documents: documents ?? undefined,
      variables: variablesOf(body),
    };
    return chatPromptOf(chat, context, { addGenerationPrompt: body.add_generation_prompt ?? true });
  }
  const text = prompt ?? '';
  checkTextLength(text, 'prompt', context.maxLength);
  return context.tokenizer.encodeInSlices(text, { bos: body.add_special_tokens ?? true });
}

/** The tokens as the files of the tokenizer name them, in slices. */
async function namesOf(tokens: readonly number[], tokenizer: Tokenizer): Promise<string[]> {
  const names: string[] = [];
  const pace = new Pace();
  for (const token of tokens) {
    names.push(tokenizer.tokenName(token) ?? '');
    const turn = pace.step();
    if (turn) await turn;
  }
  return names;
}

/** The text of tokens with the special ones, in slices. @throws EspalierError REQUEST_INVALID for an id outside the vocabulary */
async function textOf(tokens: readonly number[], tokenizer: Tokenizer): Promise<string> {
  const decoder = tokenizer.createStreamDecoder({ skipSpecial: false });
  const pace = new Pace();
  let text = '';
  for (const [index, token] of tokens.entries()) {
    if (tokenizer.tokenName(token) === undefined) {
      const problem = `the tokenizer has no token ${token}; its ids go from 0 to ${tokenizer.vocabSize - 1}`;
      throw new EspalierError('REQUEST_INVALID', { param: `tokens.${index}`, problem });
    }
    text += decoder.push(token);
    const turn = pace.step();
    if (turn) await turn;
  }
  return text + decoder.end();
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
