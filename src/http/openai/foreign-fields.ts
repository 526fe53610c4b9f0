import type { RefusedField } from './refused-field.ts';

/** Fields of other servers' APIs that would change an answer, with what to do here. */
const groups: readonly { readonly problem: string; readonly fields: Readonly<Record<string, readonly unknown[]>> }[] = [
  {
    problem: 'draw with temperature, top_p, top_k, min_p or typical_p',
    fields: {
      do_sample: [true],
      dry_multiplier: [0],
      dynatemp_range: [0],
      epsilon_cutoff: [0],
      eta_cutoff: [0],
      mirostat: [0],
      samplers: [],
      tfs_z: [1],
      top_a: [0],
      top_n_sigma: [-1, 0],
      xtc_probability: [0],
    },
  },
  {
    problem: 'hold repetitions down with repetition_penalty, presence_penalty or frequency_penalty',
    fields: { no_repeat_ngram_size: [0], repetition_detection: [], repeat_penalty: [1] },
  },
  {
    problem: 'bound the answer with max_tokens',
    fields: { max_length: [], max_new_tokens: [], n_predict: [-1], num_predict: [-1], thinking_token_budget: [] },
  },
  {
    problem: 'steer tokens with logit_bias',
    fields: { allowed_token_ids: [] },
  },
  {
    problem: 'say the form of the answer with response_format, guided_regex or guided_choice',
    fields: { ebnf: [''], format: [''], grammar: [''], structural_tag: [] },
  },
  {
    problem: 'send enable_thinking, or the name that the template reads in chat_template_kwargs',
    fields: { think: [], thinking: [] },
  },
  {
    problem: 'send "separate_reasoning": false to have thoughts in the content; they are apart otherwise',
    fields: { reasoning_format: ['auto', 'deepseek'] },
  },
  {
    problem: 'send its values as fields of the request itself',
    fields: { extra_body: [], options: [] },
  },
  {
    problem: 'it belongs to the Responses API; send messages and the fields of chat completions',
    fields: {
      conversation: [],
      instructions: [''],
      max_output_tokens: [],
      previous_response_id: [],
      text: [],
      truncation: ['disabled'],
    },
  },
];

export const foreignFields: Readonly<Record<string, RefusedField>> = Object.fromEntries(
  groups.flatMap(({ problem, fields }) =>
    Object.entries(fields).map(([name, neutral]) => [name, { neutral, problem }] as const),
  ),
);
