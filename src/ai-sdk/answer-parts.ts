import type { LanguageModelV4Content, LanguageModelV4GenerateResult, SharedV4ProviderMetadata } from '@ai-sdk/provider';
import type { Answer, AnsweringAdapter, FinishReason, Usage } from '../library/index.ts';

/** A whole answer as the AI SDK has it: thoughts, words, and calls of tools. */
export function contentOf({ text, reasoning, toolCalls = [] }: Answer): LanguageModelV4Content[] {
  return [
    ...(reasoning === undefined ? [] : [{ type: 'reasoning', text: reasoning } as const]),
    ...(text === '' ? [] : [{ type: 'text', text } as const]),
    ...toolCalls.map(({ id, name, arguments: input }) => toolCallOf({ id, name, input })),
  ];
}

/** A call of a tool as a whole. @param call.input  the JSON text of its arguments */
export function toolCallOf(call: { readonly id: string; readonly name: string; readonly input: string }) {
  return { type: 'tool-call', toolCallId: call.id, toolName: call.name, input: call.input } as const;
}

export function finishReasonOf(raw: FinishReason): LanguageModelV4GenerateResult['finishReason'] {
  return { unified: raw === 'tool_calls' ? 'tool-calls' : raw, raw };
}

export function usageOf(usage: Usage): LanguageModelV4GenerateResult['usage'] {
  const { promptTokens, cachedTokens, completionTokens, reasoningTokens } = usage;
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: {
      total: completionTokens,
      text: completionTokens - reasoningTokens,
      reasoning: reasoningTokens,
    },
    raw: { ...usage },
  };
}

/** The versions that answered, under `providerMetadata.espalier`. */
export function metadataOf(answeredBy: readonly AnsweringAdapter[]): SharedV4ProviderMetadata {
  return { espalier: { answeredBy: answeredBy.map((one) => ({ ...one })) } };
}
