import { foreignFields } from './foreign-fields.ts';
import { refusedInResponses } from '../responses/refused-fields.ts';
import type { RefusedField } from './refused-field.ts';

const noGrammar = 'it reads no grammars; send response_format, guided_regex or guided_choice';
const formOfMessages =
  'send "output_config": {"format": {"type": "json_schema", "schema"}}; other forms belong to chats';
const noTools = 'tools are called in chats only; send messages to /v1/chat/completions';
const wholeText = 'the answer is given whole, with the thoughts of the model; /v1/chat/completions gives them apart';
const asTrained = 'prompts are made as the base was trained; send token ids to /v1/completions for any other';

const adapterElsewhere = 'name the adapter as "model"; the base alone would answer otherwise';

/** Fields by which other servers choose an adapter. */
const adapterFields = [
  'adapter',
  'adapter_id',
  'adapter_name',
  'adapter_path',
  'adapter_source',
  'adapter_parameters',
  'adapters',
  'lora',
  'lora_adapters',
  'lora_id',
  'lora_name',
  'lora_path',
  'lora_request',
  'loras',
  'peft',
] as const;

/** Those of them that routes for text take. */
const takenForText: ReadonlySet<string> = new Set(['lora', 'adapter_id', 'adapter_parameters']);

type RefusedFields = Readonly<Record<string, RefusedField>>;

const refusedEverywhere: RefusedFields = Object.fromEntries(
  adapterFields.map((name) => [name, { neutral: [], problem: adapterElsewhere }]),
);

const refusedForText: RefusedFields = Object.fromEntries(
  Object.entries(refusedEverywhere).filter(([name]) => !takenForText.has(name)),
);

const refusedInGeneration: RefusedFields = {
  ...foreignFields,
  guided_grammar: { neutral: [''], problem: noGrammar },
  guided_whitespace_pattern: { neutral: [], problem: 'white space in JSON is that of the model, within limits' },
  suffix: { neutral: [''], problem: 'it writes on from the end of the prompt only' },
  store: { neutral: [false], problem: 'it keeps no answers; leave store out, and keep them yourself' },
  modalities: { neutral: [], problem: 'it answers in text only' },
  audio: { neutral: [], problem: 'it answers in text only' },
  moderation: { neutral: [], problem: 'it judges no texts; check them yourself' },
  web_search_options: { neutral: [], problem: 'it reads nothing but the messages' },
  use_beam_search: {
    neutral: [false],
    problem: 'it draws token by token; ask for n choices with logprobs and rank them',
  },
  length_penalty: { neutral: [1], problem: 'it belongs to beam search, which is not there' },
  bad_words: { neutral: [], problem: 'forbid tokens with logit_bias -100' },
  prompt_logprobs: { neutral: [], problem: 'send echo and logprobs to /v1/completions' },
  truncate_prompt_tokens: { neutral: [], problem: 'shorten the prompt before it is sent' },
  include_stop_str_in_output: {
    neutral: [false],
    problem: 'a stop string is never part of the answer; add it yourself',
  },
  skip_special_tokens: { neutral: [true], problem: 'send return_token_ids to see special tokens' },
};

const refusedInCompletions: RefusedFields = {
  tools: { neutral: [], problem: noTools },
  tool_choice: { neutral: ['none', 'auto'], problem: noTools },
  functions: { neutral: [], problem: noTools },
  function_call: { neutral: ['none', 'auto'], problem: noTools },
  include_reasoning: { neutral: [true], problem: wholeText },
  separate_reasoning: { neutral: [false], problem: wholeText },
  add_special_tokens: { neutral: [true], problem: 'send the prompt as token ids' },
};

const refusedInChat: RefusedFields = {
  add_special_tokens: { neutral: [false], problem: asTrained },
  echo: { neutral: [false], problem: 'a chat is not given back; use echo with /v1/completions' },
  add_generation_prompt: { neutral: [true], problem: asTrained },
  continue_final_message: { neutral: [false], problem: asTrained },
  chat_template: { neutral: [], problem: asTrained },
};

const refusedInTokenize: RefusedFields = {
  continue_final_message: { neutral: [false], problem: asTrained },
  chat_template: { neutral: [], problem: asTrained },
};

const { thinking: _thinking, ...foreignToMessages } = foreignFields;

const refusedInMessages: RefusedFields = {
  ...foreignToMessages,
  container: { neutral: [], problem: 'it runs no code' },
  context_management: { neutral: [], problem: 'it edits no history; leave out what is no longer needed' },
  frequency_penalty: { neutral: [0], problem: 'send it to /v1/chat/completions' },
  logits_processors: { neutral: [], problem: 'send it to /v1/chat/completions' },
  logprobs: { neutral: [false], problem: 'send it to /v1/chat/completions' },
  mcp_servers: { neutral: [], problem: 'it calls no servers; call the tools yourself' },
  n: { neutral: [1], problem: 'a message has one answer; send n to /v1/chat/completions' },
  presence_penalty: { neutral: [0], problem: 'send it to /v1/chat/completions' },
  response_format: { neutral: [], problem: formOfMessages },
  json_schema: { neutral: [], problem: formOfMessages },
  structured_outputs: { neutral: [], problem: formOfMessages },
  guided_choice: { neutral: [], problem: formOfMessages },
  guided_json: { neutral: [], problem: formOfMessages },
  guided_regex: { neutral: [], problem: formOfMessages },
  guided_grammar: { neutral: [''], problem: formOfMessages },
  regex: { neutral: [], problem: formOfMessages },
  stop: { neutral: [], problem: 'it is called "stop_sequences" here' },
  typical_p: { neutral: [1], problem: 'send it to /v1/chat/completions' },
};

const prefixed = 'put the words that the model was trained with in front of the text';

const refusedInEmbeddings: RefusedFields = {
  input_type: { neutral: [], problem: prefixed },
  instruction: { neutral: [''], problem: prefixed },
  prompt_name: { neutral: [], problem: prefixed },
  task: { neutral: [], problem: prefixed },
  truncate: { neutral: [false, 'NONE'], problem: 'shorten the texts before they are sent' },
  truncate_prompt_tokens: { neutral: [], problem: 'shorten the texts before they are sent' },
  add_special_tokens: { neutral: [true], problem: 'send the text as token ids' },
};

const wholePair = 'shorten the documents before they are sent, or send "truncation": true';

const refusedInRerank: RefusedFields = {
  max_chunks_per_doc: { neutral: [], problem: wholePair },
  max_tokens_per_doc: { neutral: [], problem: wholePair },
  truncate_prompt_tokens: { neutral: [], problem: wholePair },
  rank_fields: { neutral: [], problem: 'it reads the field "text" of a document; join others yourself' },
  return_embeddings: { neutral: [false], problem: 'a reranker has no vectors' },
};

/** The routes whose fields are known. */
export type FieldRoute =
  | 'completions'
  | 'chat'
  | 'embeddings'
  | 'rerank'
  | 'messages'
  | 'responses'
  | 'tokenize'
  | 'detokenize';

/** The fields that a route refuses, by their names. */
export const refusedFields: Readonly<Record<FieldRoute, RefusedFields>> = {
  completions: { ...refusedForText, ...refusedInGeneration, ...refusedInCompletions },
  chat: { ...refusedForText, ...refusedInGeneration, ...refusedInChat },
  embeddings: { ...refusedEverywhere, ...refusedInEmbeddings },
  rerank: { ...refusedEverywhere, ...refusedInRerank },
  messages: { ...refusedForText, ...refusedInMessages },
  responses: { ...refusedEverywhere, ...refusedInGeneration, ...refusedInChat, ...refusedInResponses },
  tokenize: { ...refusedEverywhere, ...refusedInTokenize },
  detokenize: refusedEverywhere,
};

/** Fields of `stream_options` that would change the events. */
export const refusedStreamOptions: RefusedFields = {
  include_obfuscation: { neutral: [false], problem: 'its events are not padded to hide their lengths' },
  continuous_usage_stats: {
    neutral: [false],
    problem: 'the usage comes once, at the end; send "include_usage": true',
  },
};

/** Fields that clients send and on which no answer depends. */
export const ignoredFields: readonly string[] = [
  'user',
  'metadata',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'cache_prompt',
  'cache_salt',
  'id_slot',
  'slot_id',
  'service_tier',
  'parallel_tool_calls',
  'prediction',
  'reasoning',
  'reasoning_effort',
  'verbosity',
  'priority',
  'provider',
  'request_id',
  'spaces_between_special_tokens',
];
