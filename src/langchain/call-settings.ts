import { definedOnly } from '../core/index.ts';
import type { ChatOptions, NamedLora } from '../library/index.ts';

/** How answers are drawn, by the names of the library. `lora` names adapters whose updates are added up. */
export type ChatEspalierSettings = Pick<ChatOptions, (typeof names)[number]> & {
  readonly lora?: readonly NamedLora[] | undefined;
};

const names = [
  'maxTokens',
  'minTokens',
  'temperature',
  'topK',
  'topP',
  'minP',
  'typicalP',
  'presencePenalty',
  'frequencyPenalty',
  'repetitionPenalty',
  'logitBias',
  'logitsProcessors',
  'seed',
  'stopTokenIds',
  'format',
  'parallelToolCalls',
  'reasoningEffort',
  'chatTemplateKwargs',
] as const;

/** The settings among other fields. The library checks their values when a call begins. */
export function callSettings(fields: ChatEspalierSettings): ChatEspalierSettings {
  const entries = [...names, 'lora' as const].map((name) => [name, fields[name]] as const);
  return definedOnly(Object.fromEntries(entries)) as ChatEspalierSettings;
}
