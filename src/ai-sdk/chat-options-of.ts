import type { LanguageModelV4CallOptions, SharedV4Warning } from '@ai-sdk/provider';
import { definedOnly } from '../core/index.ts';
import { adapterByName, type ChatOptions } from '../library/index.ts';
import { messagesOf } from './messages-of.ts';
import { readProviderOptions } from './provider-options.ts';

export interface ReadCall {
  readonly options: ChatOptions;
  /** What was asked for and has no effect. */
  readonly warnings: SharedV4Warning[];
}

export interface ReadCallContext {
  readonly modelId: string;
  readonly baseName: string;
}

/**
 * The options of `LocalModel.chat` that a call of the AI SDK stands for.
 *
 * WHY `headers` go without a warning: the AI SDK itself sends some with every call, and here is no request to carry them.
 *
 * @throws EspalierError OPTION_UNKNOWN, OPTION_INVALID
 */
export function chatOptionsOf(call: LanguageModelV4CallOptions, { modelId, baseName }: ReadCallContext): ReadCall {
  const { lora, strictSchema, format: given, ...own } = readProviderOptions(call.providerOptions?.['espalier']);
  const { temperature, topP, topK, presencePenalty, frequencyPenalty, seed } = call;
  const sampling = { temperature, topP, topK, presencePenalty, frequencyPenalty, seed };
  const { tools, warnings } = toolsOf(call);
  const options = definedOnly({
    ...own,
    ...sampling,
    adapter: adapterByName({ model: modelId, lora }, baseName),
    // WHY: the AI SDK has no default limit.
    maxTokens: call.maxOutputTokens ?? Number.POSITIVE_INFINITY,
    stop: call.stopSequences?.filter((stop) => stop !== ''),
    format: given ?? formatOf(call.responseFormat, strictSchema),
    tools,
    toolChoice: tools && toolChoiceOf(call.toolChoice),
    reasoningEffort: call.reasoning === 'provider-default' ? undefined : call.reasoning,
    signal: call.abortSignal,
  });
  if (tools === undefined && (call.toolChoice?.type === 'required' || call.toolChoice?.type === 'tool')) {
    warnings.push(ignored(`toolChoice ${call.toolChoice.type}`, 'no tools are left that the model could call'));
  }
  if (call.includeRawChunks === true) warnings.push(ignored('includeRawChunks', 'there is no API in between'));
  return { options: { ...options, messages: messagesOf(call.prompt) }, warnings };
}

function formatOf(
  asked: LanguageModelV4CallOptions['responseFormat'],
  strict: boolean | undefined,
): ChatOptions['format'] {
  if (asked?.type !== 'json') return undefined;
  if (asked.schema === undefined) return 'json';
  return { schema: asked.schema as Readonly<Record<string, unknown>>, ...(strict !== undefined && { strict }) };
}

function toolsOf({ tools: given = [] }: LanguageModelV4CallOptions): {
  readonly tools: readonly object[] | undefined;
  readonly warnings: SharedV4Warning[];
} {
  const warnings: SharedV4Warning[] = [];
  const tools: object[] = [];
  for (const tool of given) {
    if (tool.type === 'provider') {
      warnings.push(ignored(`tool ${tool.id}`, 'tools that a provider runs are not known here'));
      continue;
    }
    const { name, description, inputSchema: parameters, strict, inputExamples } = tool;
    tools.push({ type: 'function', function: { name, ...definedOnly({ description, strict }), parameters } });
    if ((inputExamples ?? []).length > 0) {
      warnings.push(ignored(`inputExamples of ${name}`, 'chat templates write none; put them into the description'));
    }
  }
  return { tools: tools.length === 0 ? undefined : tools, warnings };
}

function toolChoiceOf(choice: LanguageModelV4CallOptions['toolChoice']): ChatOptions['toolChoice'] {
  return choice?.type === 'tool' ? { name: choice.toolName } : choice?.type;
}

function ignored(feature: string, details: string): SharedV4Warning {
  return { type: 'unsupported', feature, details };
}
