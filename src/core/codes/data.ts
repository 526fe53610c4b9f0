import type { CodeEntry } from './code-entry.ts';

/** Errors of training data. Retired codes are never reused. */
export const dataCodes = {
  DATA_FILE_INVALID: {
    status: 400,
    retryable: false,
    message: '{path} cannot be read as a file of rows: {problem}.',
    help: 'A file of training data is not what its name or its first bytes say, is damaged, or goes beyond a limit. Nothing was trained.',
  },
  DATA_NOT_UTF8: {
    status: 400,
    retryable: false,
    message: '{path}, {unit} {line} is not valid UTF-8. Save the file as UTF-8.',
    help: 'Espalier accepts only valid UTF-8 in training data, because the model would learn broken characters. Nothing was trained.',
  },
  DATA_JSON_BROKEN: {
    status: 400,
    retryable: false,
    message:
      '{path}, {unit} {line} is not valid JSON: {problem}. Write one JSON object per line, or one list of objects.',
    help: 'A row of a JSONL file cannot be parsed. Nothing was trained.',
  },
  DATA_ROW_UNKNOWN: {
    status: 400,
    retryable: false,
    message:
      '{path}, {unit} {line}: {problem} A row has "messages", or "prompt" and "completion", or "text", or "input_ids" (with "labels" or without), or "conversations", or "instruction" and "output".',
    help: 'The fields of a row match no known kind of row, or several kinds at once. Nothing was trained.',
  },
  DATA_ROWS_INVALID: {
    status: 400,
    retryable: false,
    message: '{count} of {rows} rows cannot be used. {problems}',
    help: 'Several rows have problems. All of them are counted, and the first few are told. After a thousand the reading ends. Nothing was trained.',
  },
  DATA_ROW_INVALID: {
    status: 400,
    retryable: false,
    message: '{path}, {unit} {line}: {problem}',
    help: 'A field of a row has the wrong type or length, or the chat template cannot render its messages. Nothing was trained.',
  },
  DATA_TOKEN_OUT_OF_RANGE: {
    status: 400,
    retryable: false,
    message:
      '{path}, {unit} {line}: {field}[{index}] is {id}, but the model has token ids from 0 to {last} only. Use data that was created with the tokenizer of this model.',
    help: 'A token id is outside the vocabulary. Usually the data or the tokenizer belongs to another model. Nothing was trained.',
  },
  DATA_TOKENIZER_MISSING: {
    status: 400,
    retryable: false,
    message:
      '{path}, {unit} {line} holds {kind}, but the base model has no tokenizer.json. Add it to the folder of the model, or give rows of "input_ids".',
    help: 'Rows of text need a tokenizer. Rows of token ids do not.',
  },
  DATA_CHANGED: {
    status: 409,
    retryable: true,
    message: '{path} changed while it was being trained on. Start again, with a file that nothing writes to.',
    help: 'Rows of a large file are read again when their turn comes, and must then be those that were checked at the beginning. The training stopped.',
  },
  DATA_EMPTY: {
    status: 400,
    retryable: false,
    message: '{path} has no rows. Write one JSON object per line.',
    help: 'The file is empty or has only blank lines. Nothing was trained.',
  },
  DATA_NOTHING_TO_LEARN: {
    status: 400,
    retryable: false,
    message: 'None of the {rows} rows of {path} has a token to learn from within {maxLength} tokens. {advice}',
    help: 'After each row was cut at the maximum length, none of them has a token that counts in the loss. Nothing was trained.',
  },
  DATA_ROWS_EMPTY: {
    status: 400,
    retryable: false,
    message:
      '{count} of the {rows} rows of {path} have no token to learn from within {maxLength} tokens (first: {first}). {advice} Or leave such rows out: {option:skipEmpty}.',
    help: 'Rows from which nothing can be learned are usually a mistake in the data, or their answers lie beyond the maximum length. They are left out where this is asked for. Nothing was trained.',
  },
  DATA_ROWS_TOO_LONG: {
    status: 400,
    retryable: false,
    message:
      '{count} of the {rows} rows of {path} are longer than {maxLength} tokens (first: {first}, {tokens} tokens). Raise {option:maxLength}, or set {option:truncation} to cut-end, cut-start or drop.',
    help: 'The training was told to take no row that would have to be cut. Nothing was trained.',
  },
  CHAT_TEMPLATE_UNSTABLE: {
    status: 400,
    retryable: false,
    message:
      '{path}, {unit} {line}: what the chat template writes for message {index} does not follow what it writes before an answer, so the tokens of the assistant cannot be told. Take a template that writes both alike (--chat-template), or one that marks answers with the tag generation.',
    help: 'The loss counts the tokens of the assistant. Espalier finds them by rendering the conversation up to the answer, with the head of the answer, and then with it. Some templates put more into that head than they write for an answer that is given, such as the beginning of a thought: what was learned would not fit what is asked when the model is served.',
  },
} as const satisfies Record<string, CodeEntry>;
