import { EspalierError, withWrittenNumbers } from '../core/index.ts';
import { compileTemplate, type Template } from '../jinja/index.ts';
import type { Range } from './range.ts';
import { tokenText } from './special-tokens.ts';
import { isJsonObject, type TemplateFiles, type TokenizerFiles } from './tokenizer-files.ts';

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
  /** Texts to answer from, for templates that read them. */
  readonly documents?: readonly object[] | undefined;
  /** Further values by their names in the template, such as `enable_thinking`. They stand above the special tokens. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/** Names of values that a template is given in another way, so that no variable can have them. */
export const reservedVariables: readonly string[] = ['messages', 'tools', 'documents', 'add_generation_prompt'];

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
 * Reads the chat templates of a folder: `chat_template.jinja` with `additional_chat_templates/<name>.jinja`, or `chat_template` in
 * `tokenizer_config.json` (a text, or a list of named templates). Of several templates, `tool_use` renders conversations with tools, and
 * `default` all others, as in transformers.
 *
 * @param texts  the special tokens that the template may name: `bos_token`, `eos_token`, ...
 */
export function findChatTemplate(
  files: TokenizerFiles,
  texts: Readonly<Record<string, string>>,
): ChatTemplate | undefined {
  const sources = templatesOf(files);
  if (sources.size === 0) return undefined;
  const compiled = new Map<string, Template>();
  return {
    render(messages, { addGenerationPrompt, tools, documents, variables }) {
      try {
        const name = tools !== undefined && sources.has('tool_use') ? 'tool_use' : 'default';
        const template = compiled.get(name) ?? compileTemplate(sources.get(name) ?? noDefault(files, sources));
        compiled.set(name, template);
        // WHY null: transformers gives templates None where there are no tools, and templates ask "tools is not none".
        const given = { messages, tools: tools ?? null, documents: documents ?? null };
        const all = { ...texts, ...variables, ...given, add_generation_prompt: addGenerationPrompt };
        const { text, generations } = template.render(withWrittenNumbers(all, variables));
        return { text, marks: template.hasGenerations ? generations : undefined };
      } catch (cause) {
        throw ofFolder(cause, files.folder);
      }
    },
  };
}

function noDefault({ folder }: TokenizerFiles, sources: ReadonlyMap<string, string>): never {
  const problem = `none of its templates is called default: ${[...sources.keys()].toSorted().join(', ')}`;
  throw new EspalierError('CHAT_TEMPLATE_INVALID', { path: folder, line: 1, problem });
}

/** Says whose template it is that failed. */
function ofFolder(cause: unknown, path: string): unknown {
  if (!EspalierError.isInstance(cause) || !cause.code.startsWith('TEMPLATE_')) return cause;
  const problem = String(cause.details['problem']);
  if (cause.code === 'TEMPLATE_RAISED') return new EspalierError('CHAT_TEMPLATE_FAILED', { path, problem }, { cause });
  const line = Number(cause.details['line']);
  return new EspalierError('CHAT_TEMPLATE_INVALID', { path, line, problem }, { cause });
}

/** The templates of a folder, by name. A single one is called default. */
export function templatesOf(files: TemplateFiles): ReadonlyMap<string, string> {
  const { chatTemplate, additionalTemplates = {} } = files;
  if (chatTemplate !== undefined || Object.keys(additionalTemplates).length > 0) {
    const own = chatTemplate === undefined ? [] : [['default', chatTemplate] as const];
    return new Map([...Object.entries(additionalTemplates), ...own]);
  }
  const configured = files.tokenizerConfig?.['chat_template'];
  const single = tokenText(configured);
  if (single !== undefined) return new Map([['default', single]]);
  if (!Array.isArray(configured)) return new Map();
  const named: unknown[] = configured;
  return new Map(
    named.filter(isJsonObject).flatMap((entry) => {
      const [name, template] = [tokenText(entry['name']), tokenText(entry['template'])];
      return name === undefined || template === undefined ? [] : [[name, template] as const];
    }),
  );
}
