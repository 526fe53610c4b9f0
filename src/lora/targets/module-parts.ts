/** One of several modules that a node computes side by side. */
export interface ModulePart {
  readonly path: string;
  readonly width: number;
}

/** Reads `modulePartsKey`'s value, `a.q_proj:64,a.k_proj:32`; what is not of that form gives no parts. */
export function readParts(text: string | undefined): ModulePart[] {
  if (text === undefined || text === '') return [];
  const parts = text.split(',').map((part) => {
    const colon = part.lastIndexOf(':');
    return { path: part.slice(0, colon), width: Number(part.slice(colon + 1)) };
  });
  const isSound = parts.every(({ path, width }) => path !== '' && Number.isSafeInteger(width) && width > 0);
  return isSound ? parts : [];
}
