import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { apiKeyPattern } from '@bpi/job-contract';
import type { Clients } from '@bpi/jobs';
import { isLoopbackHost } from './config.ts';
import type { Caller } from './http/request-context.ts';

/** Compared with when the key id is unknown, so that an unknown id takes as long as a wrong secret. */
const DUMMY_DIGEST = '0'.repeat(64);

const KEYLESS_CALLER: Caller = { clientId: 'local', keyId: null };

export type Identity =
  | { kind: 'known'; caller: Caller }
  /** `keyId` is set only if a key of ours has that id: an invented one is the client's own text. */
  | { kind: 'refused'; keyId: string | null };

type Keys = Pick<Clients, 'findKey' | 'listKeys'>;
type RequestHeaders = Pick<IncomingMessage, 'headers' | 'headersDistinct'>;

/** Tells from a request's headers who calls. Nothing else of the request is needed, so its body stays unread. */
export class Authenticator {
  readonly #clients: Keys;
  readonly #keyless: 'allowed' | 'refused';

  constructor(clients: Keys, keyless: 'allowed' | 'refused') {
    this.#clients = clients;
    this.#keyless = keyless;
  }

  async identify({ headers, headersDistinct }: RequestHeaders): Promise<Identity> {
    const lines = headersDistinct['authorization'] ?? [];
    if (lines.length === 0) return this.#identifyKeyless(headers);
    // Of two lines Node takes the first, and what stands in front of us may have looked at the other.
    const match = lines.length === 1 ? /^bearer +(\S+)$/i.exec(lines[0] ?? '') : null;
    const [, keyId = '', secret = ''] = apiKeyPattern.exec(match?.[1] ?? '') ?? [];
    if (keyId === '') return { kind: 'refused', keyId: null };
    const key = await this.#clients.findKey(keyId);
    const given = createHash('sha256').update(secret).digest();
    const matches = timingSafeEqual(given, Buffer.from(key?.digest ?? DUMMY_DIGEST, 'hex'));
    if (key === null || !matches || key.revokedAtMs !== null) return { kind: 'refused', keyId: key?.keyId ?? null };
    return { kind: 'known', caller: { clientId: key.clientId, keyId } };
  }

  async #identifyKeyless(headers: IncomingHttpHeaders): Promise<Identity> {
    const refused: Identity = { kind: 'refused', keyId: null };
    if (this.#keyless === 'refused' || isFromForeignPage(headers)) return refused;
    const keys = await this.#clients.listKeys();
    return keys.length === 0 ? { kind: 'known', caller: KEYLESS_CALLER } : refused;
  }
}

/**
 * A web page that the user happens to visit can reach loopback too: directly (it sends its Origin) or through a
 * name of its own that resolves to 127.0.0.1 (it sends that name as Host).
 */
function isFromForeignPage(headers: IncomingHttpHeaders): boolean {
  if (!isLoopbackHost(hostNameOf(`http://${headers.host ?? ''}`))) return true;
  return headers.origin !== undefined && !isLoopbackHost(hostNameOf(headers.origin));
}

function hostNameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}
