import { type AnswerForm, type CallForm, describedTool, type NamedCall, type Tool } from '../../chat/index.ts';
import type { ConstraintSpec } from '../../constrain/index.ts';
import type { ToolChoice } from '../chat-request.ts';
import { argumentsOf, looseArguments, taggedArguments } from './call-arguments.ts';
import { literalParts, type MarkTokenizer, type Parts } from './literal-parts.ts';

export interface ForcedCallsOptions {
  readonly calls: NonNullable<AnswerForm['calls']>;
  readonly tools: readonly Tool[];
  readonly choice: ToolChoice;
  /** Whether the answer may have several calls. */
  readonly isParallel: boolean;
  readonly tokenizer: MarkTokenizer;
}

/** The form of an answer that calls: in the form of the template, with arguments that the schemas of the tools allow. */
export function forcedCalls({ calls, tools, choice, isParallel, tokenizer }: ForcedCallsOptions): ConstraintSpec {
  const isNamed = typeof choice === 'object';
  const chosen = isNamed ? tools.filter((tool) => describedTool(tool).name === choice.name) : tools;
  // WHY kept: tags stand around each parameter of each tool.
  const known = new Map<string, Parts>();
  const literal = (text: string): Parts => {
    const parts = known.get(text) ?? literalParts(text, tokenizer);
    known.set(text, parts);
    return parts;
  };
  const options = chosen.map((tool) =>
    calls === 'harmony' ? harmonyCall(tool, literal) : callOf(calls, tool, literal),
  );
  const call: ConstraintSpec = { kind: 'any-of', options };
  if (calls === 'harmony') return call;
  const { before, between, after } = frameOf(calls);
  const more: ConstraintSpec = { kind: 'sequence', parts: [...literal(between), call] };
  const rest: Parts = isParallel && !isNamed ? [{ kind: 'repeat', part: more, least: 0 }] : [];
  return { kind: 'sequence', parts: [...literal(before.trimStart()), call, ...rest, ...literal(after)] };
}

/** What stands around all calls, and between two of them. */
function frameOf({
  sectionOpen,
  open,
  call,
  close,
  sectionClose,
}: CallForm): Record<'before' | 'between' | 'after', string> {
  const isListed = call.kind === 'list' || (call.kind === 'loose' && call.isList);
  if (isListed) return { before: `${open}[`, between: ', ', after: `]${close}` };
  if (open.trim() === '') return { before: '', between: '; ', after: close };
  // WHY a line end: templates that write objects between marks write each on lines of its own.
  const line = call.kind === 'json' && !close.endsWith('\n') ? '\n' : '';
  return { before: sectionOpen + open, between: `${close}${line}${open.trimStart()}`, after: close + sectionClose };
}

type Literal = (text: string) => Parts;

function callOf({ call }: CallForm, tool: Tool, literal: Literal): ConstraintSpec {
  const { name } = describedTool(tool);
  switch (call.kind) {
    case 'json':
    case 'list': {
      const head = `{${JSON.stringify(call.nameKey)}: ${JSON.stringify(name)}, ${JSON.stringify(call.argumentsKey)}: `;
      return { kind: 'sequence', parts: [head, argumentsOf(tool), '}'] };
    }
    case 'named':
      return { kind: 'sequence', parts: [...calledAs(name, call), ...literal(call.middle), argumentsOf(tool)] };
    case 'loose':
      return { kind: 'sequence', parts: [name, looseArguments(call, tool, literal)] };
    case 'tagged':
      return { kind: 'sequence', parts: [name, ...literal(call.afterName), ...taggedArguments(call, tool, literal)] };
  }
}

function calledAs(name: string, { isNumbered = false }: NamedCall): Parts {
  return isNumbered ? [`functions.${name}:`, { kind: 'regex', pattern: '[0-9]{1,3}' }] : [name];
}

function harmonyCall(tool: Tool, literal: Literal): ConstraintSpec {
  const head = `<|channel|>commentary to=functions.${describedTool(tool).name} <|constrain|>json<|message|>`;
  return { kind: 'sequence', parts: [...literal(head), argumentsOf(tool)] };
}
