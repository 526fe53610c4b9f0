import { EspalierError, nearest } from '../../core/index.ts';
import { isFields, type Fields } from '../../chat/index.ts';
import type { FormatName } from './formats/row-formats.ts';
import { isGiven, preferenceProblem } from './row-fields.ts';
import { invalid, type RowPlace } from './row.ts';

const byMessage = 'give a weight to single messages, or leave rows out';
const byLabels = 'give "labels" beside "input_ids"';
const asSystem = 'call it "system", or put it into the messages';
const textOnly = 'only text is read';

/** Fields with which other trainers change what is learned or what the model sees, and what to do instead. */
const decisive: Readonly<Record<string, string>> = {
  tools: 'only rows of messages have tools',
  functions: 'only rows of messages have functions',
  weight: byMessage,
  loss_weight: byMessage,
  train_on_turn: byMessage,
  system_prompt: asSystem,
  system_message: asSystem,
  documents: 'put them into the messages',
  chat_template: 'put the template into the folder of the base',
  chat_template_kwargs: 'only rows of messages have them',
  images: textOnly,
  image: textOnly,
  audios: textOnly,
  audio: textOnly,
  videos: textOnly,
  video: textOnly,
  loss_mask: byLabels,
  loss_weights: byLabels,
  completion_mask: byLabels,
  assistant_masks: byLabels,
  labels: 'only rows of "input_ids" have labels',
  position_ids: 'positions are counted from 0',
};

const intoPrompt = 'put it into "prompt"';

/** Fields that hold a part of the prompt where the prompt is another field. */
const promptParts: Readonly<Record<string, string>> = {
  prompt: 'the prompt is another field of this row',
  instruction: intoPrompt,
  question: intoPrompt,
  query: intoPrompt,
  input: intoPrompt,
  context: intoPrompt,
  system: intoPrompt,
  history: intoPrompt,
};

const formatsWithPrompts: readonly FormatName[] = ['prompt-completion', 'preference'];

/** Fields that say of a whole row whether it is learned. With another value, such as a loss that was measured, they say something else. */
const flags: readonly string[] = ['train', 'training', 'trainable', 'loss'];

/** A worse answer beside a conversation. */
const rejected: readonly string[] = ['rejected', 'rejected_response', 'rejected_messages'];

export interface DecisiveOptions {
  readonly format: FormatName;
  readonly place: RowPlace;
  /** Whether the better of two answers is learned. */
  readonly chosen: boolean;
}

/**
 * Refuses a field that the format of its row does not have, and that would change what is learned or what the model sees.
 *
 * @throws EspalierError DATA_ROW_INVALID, DATA_ROW_UNKNOWN
 */
export function refuseDecisive(field: string, row: Fields, { format, place, chosen }: DecisiveOptions): void {
  const value = row[field];
  if (field === 'label' && isVerdict(value, format)) {
    const problem = `"label" tells good completions from bad ones, which is not learned. Keep the good ones, without "label".`;
    throw invalid(place, problem);
  }
  if (!isGiven(value)) return;
  if (rejected.includes(field) && !chosen) throw invalid(place, preferenceProblem);
  const instead = insteadOf(field, format) ?? (flags.includes(field) && isNo(value) ? byMessage : undefined);
  if (instead === undefined) return refuseMisspeltTools(field, row, place);
  if (field.endsWith('weight') && (value === 1 || value === '1')) return;
  throw invalid(place, `"${field}" would change what is learned, and is not supported here: ${instead}.`);
}

function insteadOf(field: string, format: FormatName): string | undefined {
  if (formatsWithPrompts.includes(format) && Object.hasOwn(promptParts, field)) return promptParts[field];
  return Object.hasOwn(decisive, field) ? decisive[field] : undefined;
}

/** WHY numbers and texts only beside a completion: there they are the labels of good and bad answers, also in tables. */
function isVerdict(value: unknown, format: FormatName): boolean {
  if (typeof value === 'boolean') return true;
  const words: readonly unknown[] = [0, 1, '0', '1', 'true', 'false', 'True', 'False'];
  return format === 'prompt-completion' && words.includes(value);
}

function isNo(value: unknown): boolean {
  const words: readonly unknown[] = [0, false, '0', 'false', 'False'];
  return words.includes(value);
}

/** WHY lists only: a text may be the name of a tool, which is nobody's list of tools. */
function refuseMisspeltTools(field: string, row: Fields, place: RowPlace): void {
  const value = row[field];
  if (!Array.isArray(value) || !value.every(isFields)) return;
  const meant = nearest(field.toLowerCase(), ['tools', 'functions']);
  if (meant === undefined || meant in row) return;
  throw new EspalierError('DATA_ROW_UNKNOWN', {
    ...place,
    problem: `unknown key "${field}". Did you mean "${meant}"?`,
  });
}
