import { createTokenizer, type ChatOptions, type ChatMessage, type Tokenizer } from '../../tokenizer/index.ts';
import { byteLevelFiles } from '../../tokenizer/testing/tiny-tokenizers.ts';
import type { ServingContext } from '../../service/index.ts';
import { characterTokenizer, fakeContext, type FakeContext } from './fake-context.ts';

export interface TemplatedContext extends ServingContext {
  readonly requests: FakeContext['requests'];
  /** The texts that the template made. */
  readonly prompts: string[];
}

/** Less than the context of the fake engine. The end of a prompt is all that an answer depends on. */
const promptTokens = 40;

/** The fake context, with a chat template. It answers a text, or what a function makes of the last prompt. */
export function templatedContext(
  chatTemplate: string,
  answer: string | ((prompt: string) => string),
): TemplatedContext {
  const rendering = createTokenizer(byteLevelFiles({ chatTemplate }));
  const prompts: string[] = [];
  const render = (messages: readonly ChatMessage[], options: ChatOptions): string =>
    rendering.renderChat(messages, options);
  const tokenizer = {
    ...characterTokenizer,
    templates: rendering.templates,
    renderChat: render,
    encodeChatInSlices: async (messages: readonly ChatMessage[], options: ChatOptions) => {
      const prompt = render(messages, options);
      prompts.push(prompt);
      return characterTokenizer.encode(prompt.slice(-promptTokens));
    },
  } satisfies Partial<Tokenizer> as Tokenizer;
  const context = fakeContext({
    get text() {
      return typeof answer === 'string' ? answer : answer(prompts.at(-1) ?? '');
    },
  });
  return { ...context, tokenizer, maxLength: 100_000, requests: context.requests, prompts };
}
