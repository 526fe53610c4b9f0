import { fromByteLevel } from '../byte-level.ts';

/** The last step of decoding: the tokens become one text, which comes as it becomes final. */
export interface Fuse {
  push(token: string): string;
  end(): string;
}

/** Puts texts one after another. */
export function concatenate(): Fuse {
  return { push: (token) => token, end: () => '' };
}

/** Puts texts one after another, with spaces between them: tokenizers without a decoder. */
export function joinBySpaces(): Fuse {
  let isFirst = true;
  return {
    push(token) {
      const text = isFirst ? token : ` ${token}`;
      isFirst = false;
      return text;
    },
    end() {
      isFirst = true;
      return '';
    },
  };
}

/**
 * Byte-level vocabularies: each character is a byte, and the bytes of all tokens are read together. A token with other characters stands for
 * its own text. What is no UTF-8 becomes U+FFFD.
 */
export function readBytes(): Fuse {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push: (token) => utf8.decode(fromByteLevel(token) ?? encoder.encode(token), { stream: true }),
    end: () => utf8.decode(),
  };
}

const encoder = new TextEncoder();

/** Removes a character from the beginning of the text, at most so often. */
export function stripStart(fuse: Fuse, content: string, count: number): Fuse {
  let left = count;
  const strip = (text: string): string => {
    let from = 0;
    while (left > 0 && from < text.length) {
      if (text.startsWith(content, from)) [from, left] = [from + content.length, left - 1];
      else left = 0;
    }
    return text.slice(from);
  };
  return {
    push: (token) => strip(fuse.push(token)),
    end() {
      const rest = strip(fuse.end());
      left = count;
      return rest;
    },
  };
}

/** Changes the text as a whole, so that it comes at the end. */
export function changeWhole(fuse: Fuse, change: (text: string) => string): Fuse {
  let held = '';
  return {
    push(token) {
      held += fuse.push(token);
      return '';
    },
    end() {
      const text = change(held + fuse.end());
      held = '';
      return text;
    },
  };
}
