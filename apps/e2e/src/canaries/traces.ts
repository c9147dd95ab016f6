import { gunzipSync, inflateRawSync } from 'node:zlib';

/** A patient's name that is nobody's; the number behind it says by which way it came in. Letters and digits only. */
const SURNAME = 'Quillfeather';

/** Names for planting, one per carrier, and the search for them in any spelling. */
export class Canaries<Carrier extends string> {
  readonly #names: ReadonlyMap<Carrier, string>;

  constructor(carriers: readonly Carrier[]) {
    this.#names = new Map(
      carriers.map((carrier, index) => [carrier, `${SURNAME}${String(index).padStart(3, '0')}Esq`]),
    );
  }

  nameOf(carrier: Carrier): string {
    const name = this.#names.get(carrier);
    if (name === undefined) throw new Error(`no canary for ${carrier}`);
    return name;
  }

  /** The carriers whose names are in there; `unknown` for the surname alone. Looks into gzip and ZIP, one level deep. */
  carriersIn(content: Uint8Array | string): (Carrier | 'unknown')[] {
    const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
    const texts = [bytes, ...unpacked(bytes)].map(textsOf);
    if (!texts.some((text) => holds(text, SURNAME))) return [];
    const found = [...this.#names].filter(([, name]) => texts.some((text) => holds(text, name)));
    return found.length === 0 ? ['unknown'] : found.map(([carrier]) => carrier);
  }
}

type Texts = { exact: string; lower: string };

/** Bytes as characters of the same number; base64 in its usual alphabet. */
function textsOf(bytes: Buffer): Texts {
  const text = bytes.toString('latin1');
  return { exact: text.replaceAll('-', '+').replaceAll('_', '/'), lower: text.toLowerCase() };
}

function holds({ exact, lower }: Texts, name: string): boolean {
  return anyCase(name).some((text) => lower.includes(text)) || base64Of(name).some((text) => exact.includes(text));
}

/** Plain, hexadecimal, percent-encoded, escaped as in JSON, and with the zeros of UTF-16 and UTF-32 between. */
function anyCase(name: string): string[] {
  const letters = [...name.toLowerCase()];
  // Hexadecimal keeps the case of the letters in it.
  const hex = [name, name.toLowerCase(), name.toUpperCase()].map((text) => Buffer.from(text).toString('hex'));
  return [
    letters.join(''),
    letters.join('\0'),
    letters.join('\0\0\0'),
    ...hex.flatMap((text) => {
      const pairs = text.match(/../g) ?? [];
      return [text, pairs.map((pair) => `%${pair}`).join(''), pairs.map((pair) => `\\u00${pair}`).join('')];
    }),
  ];
}

/** At each of the three places that it may begin at, without the characters that its neighbours share. */
function base64Of(name: string): string[] {
  return [name, name.toLowerCase(), name.toUpperCase()].flatMap((text) =>
    [0, 1, 2].map((before) => {
      const encoded = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString('base64');
      const whole = Math.floor(((before + text.length) * 8) / 6);
      return encoded.slice(Math.ceil((before * 8) / 6), whole);
    }),
  );
}

const LOCAL_HEADER = Buffer.from('PK\x03\x04', 'latin1');
const DEFLATED = 8;

/** What a gzip file or the deflated members of an archive hold; nothing of what is broken. */
function unpacked(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) pushIfWhole(found, () => gunzipSync(bytes));
  for (let at = bytes.indexOf(LOCAL_HEADER); at >= 0; at = bytes.indexOf(LOCAL_HEADER, at + 4)) {
    if (at + 30 > bytes.length || bytes.readUInt16LE(at + 8) !== DEFLATED) continue;
    const start = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
    pushIfWhole(found, () => inflateRawSync(bytes.subarray(start)));
  }
  return found;
}

function pushIfWhole(found: Buffer[], unpack: () => Buffer): void {
  try {
    found.push(unpack());
  } catch {
    // no archive after all; its bytes were looked at as they are
  }
}
