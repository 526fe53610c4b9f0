/** Longest line of a stream that is read. A longer one is not of a server that this client speaks to. */
const longestLine = 1 << 20;

/**
 * Reads the `data` of server-sent events, one event's line at a time.
 *
 * @throws RangeError if a line is longer than a megabyte
 * @see WHATWG HTML, §9.2.6 "Interpreting an event stream"; only `data` is read, and events of several lines are given line by line
 */
export async function* eventLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw new RangeError('a line of the stream is longer than a megabyte');
    for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trimStart();
  }
  if (rest.startsWith('data:')) yield rest.slice(5).trimStart();
}
