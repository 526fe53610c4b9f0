import { describeValue, FieldProblem, isFields, readEach, type Fields } from '../../chat/index.ts';
import type { Place, Turn } from './turns.ts';

/** Many times more than a message has. */
const maxBlocks = 1024;

/** What the blocks of other servers hold that this one cannot read, and what to do. */
const unreadable: Readonly<Record<string, string>> = {
  image: 'images are not read; describe them in a text',
  document: 'documents are not read; give their words as a text',
  search_result: 'search results are not read; give their words as a text',
  container_upload: 'files are not read; give their words as a text',
  redacted_thinking: 'only the server that wrote these thoughts can read them; leave the block out',
};

/** The texts of blocks in a row. @param value  a text, or blocks of type `text` */
export function readText(value: unknown): string | FieldProblem {
  if (typeof value === 'string') return value;
  const texts = readBlocks(value, (block) => {
    return block['type'] === 'text' ? textOf(block) : wrongType(block, ['text']);
  });
  return texts instanceof FieldProblem ? texts : texts.join('');
}

/**
 * Reads the content of a message of the user. Each result of a tool becomes a turn of its own.
 * @param place  of the message
 */
export function readUserContent(value: unknown, place: Place): readonly Turn[] | FieldProblem {
  if (typeof value === 'string') return [{ place, message: { role: 'user', content: value } }];
  const turns: Turn[] = [];
  let words: string | undefined;
  const endWords = (): void => {
    if (words !== undefined) turns.push({ place, message: { role: 'user', content: words } });
    words = undefined;
  };
  const read = readBlocks(value, (block, index) => {
    if (block['type'] === 'text') {
      const text = textOf(block);
      if (typeof text === 'string') words = (words ?? '') + text;
      return text;
    }
    if (block['type'] !== 'tool_result') return wrongType(block, ['text', 'tool_result']);
    const message = resultOf(block);
    if (message instanceof FieldProblem) return message;
    endWords();
    turns.push({ place: [...place, 'content', index], message });
    return message;
  });
  endWords();
  return read instanceof FieldProblem ? read : turns;
}

/** Reads the content of a message of the assistant: its words, its thoughts and the tools that it called. */
export function readAssistantContent(value: unknown): Turn['message'] | FieldProblem {
  if (typeof value === 'string') return { role: 'assistant', content: value };
  const [words, thoughts, calls]: [string[], string[], object[]] = [[], [], []];
  const read = readBlocks(value, (block) => {
    switch (block['type']) {
      case 'text':
        return keep(words, textOf(block));
      case 'thinking':
        return keep(thoughts, stringIn(block, 'thinking'));
      case 'tool_use':
        return keep(calls, callOf(block));
      default:
        return wrongType(block, ['text', 'thinking', 'tool_use']);
    }
  });
  if (read instanceof FieldProblem) return read;
  return {
    role: 'assistant',
    content: words.length === 0 && calls.length > 0 ? null : words.join(''),
    ...(thoughts.length > 0 && { reasoning_content: thoughts.join('') }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

function readBlocks<Read>(
  value: unknown,
  read: (block: Fields, index: number) => Read | FieldProblem,
): readonly Read[] | FieldProblem {
  if (!Array.isArray(value)) {
    return new FieldProblem([], `a text or a list of content blocks is expected, got ${describeValue(value)}`);
  }
  if (value.length > maxBlocks) {
    return new FieldProblem([], `${value.length} blocks came, and at most ${maxBlocks} are taken`);
  }
  return readEach(value, (block, index) => {
    return isFields(block)
      ? read(block, index)
      : new FieldProblem([], `a content block is an object, got ${describeValue(block)}`);
  });
}

function keep<Part>(parts: Part[], part: Part | FieldProblem): Part | FieldProblem {
  if (!(part instanceof FieldProblem)) parts.push(part);
  return part;
}

function wrongType({ type }: Fields, expected: readonly string[]): FieldProblem {
  const known = typeof type === 'string' && Object.hasOwn(unreadable, type) ? unreadable[type] : undefined;
  const problem = known ?? `a block of type ${expected.join(' or ')} is expected, got ${describeValue(type)}`;
  return new FieldProblem(['type'], problem);
}

function textOf(block: Fields): string | FieldProblem {
  return stringIn(block, 'text');
}

function stringIn(block: Fields, name: string): string | FieldProblem {
  const value = block[name];
  return typeof value === 'string'
    ? value
    : new FieldProblem([name], `a text is expected, got ${describeValue(value)}`);
}

function callOf(block: Fields): object | FieldProblem {
  const [id, name] = [stringIn(block, 'id'), stringIn(block, 'name')];
  if (id instanceof FieldProblem) return id;
  if (name instanceof FieldProblem) return name;
  const { input } = block;
  if (!isFields(input)) return new FieldProblem(['input'], `an object is expected, got ${describeValue(input)}`);
  return { id, type: 'function', function: { name, arguments: input } };
}

/** WHY the word: no template has a field for results that are errors, and the model must see that it is one. */
const failed = 'Error: ';

function resultOf(block: Fields): Turn['message'] | FieldProblem {
  const id = stringIn(block, 'tool_use_id');
  if (id instanceof FieldProblem) return id;
  const { content: given = '', is_error: isError } = block;
  const content = readText(given ?? '');
  if (content instanceof FieldProblem) return content.within('content');
  const isMarked = isError !== true || /^error\b/i.test(content);
  return { role: 'tool', tool_call_id: id, content: isMarked ? content : failed + content };
}
