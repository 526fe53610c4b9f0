import { EspalierError } from '../core/index.ts';
import { compileTemplate, type Template } from '../jinja/index.ts';
import type { Range } from './encode-ranges.ts';
import { tokenText } from './special-tokens.ts';
import { isJsonObject, type TokenizerFiles } from './tokenizer-files.ts';

/** One turn of a conversation, as chat templates take it. A template may read further fields. */
export interface ChatMessage {
  readonly role: string;
  /** null where an assistant only calls tools; parts for a template that reads nothing else. */
  readonly content: string | readonly TextPart[] | null;
  readonly name?: string;
  readonly tool_calls?: readonly ToolCall[];
  /** The id of the call that a message of role `tool` answers. */
  readonly tool_call_id?: string;
}

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

/** A function that an assistant calls, and its arguments as an object or as its JSON. */
export interface ToolCall {
  readonly id?: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string | Readonly<Record<string, unknown>> };
}

export interface RenderOptions {
  readonly addGenerationPrompt: boolean;
  /** What the assistant may call, as the template writes it. */
  readonly tools?: readonly object[] | undefined;
}

/**
 * Renders messages with the Jinja template of the model. The template is compiled at its first use, so a model whose template cannot be
 * read still serves text.
 */
export interface ChatTemplate {
  /** @throws EspalierError CHAT_TEMPLATE_INVALID, CHAT_TEMPLATE_FAILED */
  render(messages: readonly ChatMessage[], options: RenderOptions): RenderedChat;
}

/** A conversation as a model reads it. */
export interface RenderedChat {
  readonly text: string;
  /**
   * What the template marks with `{% generation %}` as written by the assistant, in UTF-16 units. undefined where it marks nothing, or
   * marks inside of a macro, so that the place in the text is unknown.
   */
  readonly marks: readonly Range[] | undefined;
}

/**
 * Reads the chat template of a folder: `chat_template.jinja`, or `chat_template` in `tokenizer_config.json`
 * (a string, or a list of named templates of which "default" is taken).
 *
 * @param texts  the special tokens that the template may name: `bos_token`, `eos_token`, ...
 */
export function findChatTemplate(
  files: TokenizerFiles,
  texts: Readonly<Record<string, string>>,
): ChatTemplate | undefined {
  const source = files.chatTemplate ?? templateOf(files.tokenizerConfig?.['chat_template']);
  if (source === undefined) return undefined;
  let compiled: Template | undefined;
  return {
    render(messages, { addGenerationPrompt, tools }) {
      try {
        compiled ??= compileTemplate(source);
        // WHY null: transformers gives templates None where there are no tools, and templates ask "tools is not none".
        const given = { messages, tools: tools ?? null, documents: null, add_generation_prompt: addGenerationPrompt };
        const { text, generations } = compiled.render({ ...texts, ...given });
        return { text, marks: compiled.hasGenerations ? generations : undefined };
      } catch (cause) {
        throw ofFolder(cause, files.folder);
      }
    },
  };
}

/** Says whose template it is that failed. */
function ofFolder(cause: unknown, path: string): unknown {
  if (!EspalierError.isInstance(cause)) return cause;
  const problem = String(cause.details['problem']);
  if (cause.code === 'TEMPLATE_RAISED') return new EspalierError('CHAT_TEMPLATE_FAILED', { path, problem }, { cause });
  const line = Number(cause.details['line']);
  return new EspalierError('CHAT_TEMPLATE_INVALID', { path, line, problem }, { cause });
}

function templateOf(value: unknown): string | undefined {
  if (!Array.isArray(value)) return tokenText(value);
  const named: unknown[] = value;
  const entries = named.filter(isJsonObject);
  const chosen = entries.find((entry) => entry['name'] === 'default') ?? entries[0];
  return tokenText(chosen?.['template']);
}
