import type { RefusedField } from '../openai/refused-field.ts';

const ofChats = (problem: string): RefusedField => ({ neutral: [], problem });
const notKept =
  'only responses are kept here; go on from one with previous_response_id, or send the whole conversation';
const oneAnswer = 'a response has one answer; send several requests, or n to /v1/chat/completions';

/** Fields of the Responses API that are not there, and those of chats that have another name here. */
export const refusedInResponses: Readonly<Record<string, RefusedField>> = {
  background: { neutral: [false], problem: 'answers are written while the client waits; leave it out' },
  background_options: ofChats('answers are written while the client waits; leave it out'),
  conversation: { neutral: [], problem: notKept },
  context_management: { neutral: [], problem: 'no conversation is made shorter; send what is to be read' },
  prompt: { neutral: [], problem: 'no prompts are kept here; send instructions and input' },
  moderation: { neutral: [], problem: 'it judges no texts; check them yourself' },
  modalities: { neutral: [], problem: 'it answers in text only' },
  audio: { neutral: [], problem: 'it answers in text only' },
  image: { neutral: [], problem: 'it reads text only' },
  web_search_options: { neutral: [], problem: 'it reads nothing but the input' },
  messages: ofChats('it belongs to chat completions; send the conversation as input'),
  functions: ofChats('it belongs to chat completions; send tools'),
  function_call: { neutral: ['none', 'auto'], problem: 'it belongs to chat completions; send tool_choice' },
  response_format: ofChats('it belongs to chat completions; send text.format'),
  include_reasoning: { neutral: [true], problem: 'thoughts are items of their own; leave out what is not wanted' },
  separate_reasoning: { neutral: [true], problem: 'thoughts are items of their own' },
  max_tokens: ofChats('it belongs to chat completions; send max_output_tokens'),
  max_completion_tokens: ofChats('it belongs to chat completions; send max_output_tokens'),
  reasoning_effort: ofChats('it belongs to chat completions; send reasoning.effort'),
  verbosity: ofChats('it belongs to chat completions; send text.verbosity'),
  logprobs: { neutral: [false], problem: 'send "include": ["message.output_text.logprobs"], and top_logprobs' },
  n: { neutral: [1], problem: oneAnswer },
  best_of: { neutral: [1], problem: oneAnswer },
  return_token_ids: { neutral: [false], problem: 'items hold texts only; use /v1/chat/completions' },
};
