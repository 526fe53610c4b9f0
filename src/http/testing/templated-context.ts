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

/** The fake context, with a chat template. It answers `text`. */
export function templatedContext(chatTemplate: string, text: string): TemplatedContext {
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
  const context = fakeContext({ text });
  return { ...context, tokenizer, maxLength: 100_000, requests: context.requests, prompts };
}
