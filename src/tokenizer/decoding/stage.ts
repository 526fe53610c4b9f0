/**
 * A step of decoding. It takes the texts of tokens one by one, and gives the texts of the next step as soon as nothing that follows can
 * change them.
 */
export interface Stage {
  push(token: string): readonly string[];
  /** What is left when no token follows. The stage then begins anew. */
  end(): readonly string[];
}

/** A step that looks at each token by itself, and may know whether it is the first. */
export function eachToken(change: (token: string, isFirst: boolean) => string): Stage {
  let isFirst = true;
  return {
    push(token) {
      const changed = change(token, isFirst);
      isFirst = false;
      return [changed];
    },
    end() {
      isFirst = true;
      return [];
    },
  };
}

const byteToken = /^<0x[0-9A-Fa-f]{2}>$/;

export function isByteToken(token: string): boolean {
  return byteToken.test(token);
}

/** @param token  a byte token, such as `<0x0A>` */
export function byteOf(token: string): number {
  return Number.parseInt(token.slice(3, 5), 16);
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Tokens such as `<0x0A>` become bytes. A run of them that is valid UTF-8 becomes text; otherwise each becomes U+FFFD.
 *
 * WHY a run is held until it ends: a later byte can make all of it invalid.
 */
export function byteFallback(): Stage {
  let run: number[] = [];
  const endRun = (): string[] => {
    const bytes = run;
    run = [];
    if (bytes.length === 0) return [];
    try {
      return [strict.decode(Uint8Array.from(bytes))];
    } catch {
      return bytes.map(() => '\ufffd');
    }
  };
  return {
    push(token) {
      if (!isByteToken(token)) return [...endRun(), token];
      run.push(byteOf(token));
      return [];
    },
    end: endRun,
  };
}

/** The original byte-pair encoding, whose last token of a word has a suffix. The suffix becomes a space, except at the end. */
export function wordSuffix(suffix: string): Stage {
  let held: string | undefined;
  return {
    push(token) {
      const before = held?.replaceAll(suffix, () => ' ');
      held = token;
      return before === undefined ? [] : [before];
    },
    end() {
      const last = held?.replaceAll(suffix, '');
      held = undefined;
      return last === undefined ? [] : [last];
    },
  };
}

/** CTC: equal tokens beside each other are one, and padding is nothing. @see Graves et al. 2006 */
export function collapse(settings: {
  readonly pad: string;
  readonly delimiter: string;
  readonly cleanup: boolean;
}): Stage {
  let previous: string | undefined;
  return {
    push(token) {
      if (token === previous) return [];
      previous = token;
      const unpadded = token.replaceAll(settings.pad, '');
      const text = settings.cleanup ? cleanUp(unpadded).replaceAll(settings.delimiter, () => ' ') : unpadded;
      return text === '' ? [] : [text];
    },
    end() {
      previous = undefined;
      return [];
    },
  };
}

/** Removes the spaces that word pieces have before punctuation and English contractions. */
export function cleanUp(text: string): string {
  return artifacts.reduce((done, [from, to]) => done.replaceAll(from, to), text);
}

const artifacts = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

/** Removes a character from both ends of a token, at most so often. */
export function stripEnds(content: string, start: number, stop: number): (token: string) => string {
  return (token) => {
    if (!token.startsWith(content) && !token.endsWith(content)) return token;
    const characters = [...token];
    let from = 0;
    while (from < start && characters[from] === content) from++;
    let to = characters.length;
    while (to > from && characters.length - to < stop && characters[to - 1] === content) to--;
    return characters.slice(from, to).join('');
  };
}
