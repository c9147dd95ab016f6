/** What hostile and broken clients do to an upload, and how each of them was answered. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setInterval } from 'node:timers/promises';
import { randomOf } from '../fault-proxy.ts';
import { BODY_END, FILE_HEAD, inferHead, RawRequest } from './raw-request.ts';

export type Target = {
  port: number;
  /** One per client. */
  keys: readonly string[];
  uploadBytesMax: number;
  /** Paths: a volume of 256 MB, and one file per kind of bomb. */
  large: string;
  bombs: readonly string[];
  seed: number;
};
/** How often which answer came. */
export type Answers = Record<string, number>;

const ABORTED = 300;
const ABORTED_AT_ONCE = 12;
const ABORTED_BYTES_MAX = 1024 * 1024;
const TRICKLING = 100;
const SLOW_HEADERS = 20;
const DROP_EVERY_MS = 500;
const TOO_LONG = 45;
const ENDLESS = 5;
const WITHOUT_LENGTH = 50;
const LARGE = 20;
/** Of each kind. */
const BOMBS = 5;
/** A client may have as many uploads under way. */
const UPLOADS_PER_KEY = 4;

const BLOCK = Buffer.alloc(64 * 1024, 0x41);
const CHUNKED_BLOCK = Buffer.concat([Buffer.from(`${BLOCK.length.toString(16)}\r\n`), BLOCK, Buffer.from('\r\n')]);

export const ATTACKS = { aborted, trickling, slowHeaders, oversized, withoutLength, large, bombs } as const;
export type AttackName = keyof typeof ATTACKS;

/** The connection ends at a random byte of head or body. */
async function aborted(target: Target): Promise<Answers> {
  const random = randomOf(target.seed);
  return inTurns(ABORTED, ABORTED_AT_ONCE, async (number) => {
    const bytes = 1 + Math.floor(random() * ABORTED_BYTES_MAX);
    const whole = Buffer.concat([
      inferHead(keyOf(target, number), [`Content-Length: ${FILE_HEAD.length + bytes + BODY_END.length}`]),
      FILE_HEAD,
      Buffer.alloc(bytes, 0x41),
    ]);
    const request = await RawRequest.open(target.port);
    await request.send(whole.subarray(0, Math.floor(random() * whole.length)));
    request.close();
    return 'aborted';
  });
}

/** A byte now and then, of a body that would take weeks. */
async function trickling(target: Target): Promise<Answers> {
  return inTurns(TRICKLING, TRICKLING, async (number) => {
    const request = await RawRequest.open(target.port);
    await request.send(inferHead(keyOf(target, number), ['Content-Length: 1000000']));
    await request.send(FILE_HEAD);
    return drip(request);
  });
}

/** The same with the head itself. */
async function slowHeaders(target: Target): Promise<Answers> {
  return inTurns(SLOW_HEADERS, SLOW_HEADERS, async (number) => {
    const request = await RawRequest.open(target.port);
    await request.send(inferHead(keyOf(target, number), ['X-Slow: ']).subarray(0, -4));
    return drip(request);
  });
}

async function drip(request: RawRequest): Promise<string> {
  const over = new AbortController();
  void request.answer.then(() => over.abort());
  try {
    for await (const _ of setInterval(DROP_EVERY_MS, undefined, { signal: over.signal }))
      await request.send(Buffer.from('a'));
  } catch {
    // Answered.
  }
  const answer = await request.answer;
  request.close();
  return answer;
}

/** More than is allowed: as declared, or without saying how much and without an end. */
async function oversized(target: Target): Promise<Answers> {
  return inTurns(TOO_LONG + ENDLESS, UPLOADS_PER_KEY, async (number) => {
    const request = await RawRequest.open(target.port);
    const isEndless = number < ENDLESS;
    const length = isEndless ? 'Transfer-Encoding: chunked' : `Content-Length: ${2 * target.uploadBytesMax}`;
    await request.send(inferHead(keyOf(target, number), [length]));
    if (isEndless) {
      await request.send(Buffer.from(`${FILE_HEAD.length.toString(16)}\r\n${FILE_HEAD.toString('latin1')}\r\n`));
      let isAnswered = false;
      void request.answer.then(() => (isAnswered = true));
      while (!isAnswered && request.isOpen) await request.send(CHUNKED_BLOCK);
    }
    const answer = await request.answer;
    request.close();
    return answer;
  });
}

async function withoutLength(target: Target): Promise<Answers> {
  return inTurns(WITHOUT_LENGTH, UPLOADS_PER_KEY, async (number) => {
    const request = await RawRequest.open(target.port);
    await request.send(inferHead(keyOf(target, number), []));
    const answer = await request.answer;
    request.close();
    return answer;
  });
}

/** Valid, large, all at once. */
async function large(target: Target): Promise<Answers> {
  return inTurns(LARGE, LARGE, (number) =>
    upload(target, keyOf(target, Math.floor(number / UPLOADS_PER_KEY)), target.large),
  );
}

async function bombs(target: Target): Promise<Answers> {
  return inTurns(BOMBS * target.bombs.length, UPLOADS_PER_KEY, (number) =>
    upload(target, keyOf(target, 0), target.bombs[number % target.bombs.length] ?? ''),
  );
}

async function upload(target: Target, key: string, path: string): Promise<string> {
  const { size } = await stat(path);
  const request = await RawRequest.open(target.port);
  await request.send(inferHead(key, [`Content-Length: ${FILE_HEAD.length + size + BODY_END.length}`]));
  await request.send(FILE_HEAD);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) await request.send(chunk as Buffer);
  await request.send(BODY_END);
  const answer = await request.answer;
  request.close();
  return answer;
}

async function inTurns(count: number, atOnce: number, attack: (number: number) => Promise<string>): Promise<Answers> {
  const answers: Answers = {};
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let number = next; number < count; number = next) {
      next += 1;
      const answer = await attack(number);
      answers[answer] = (answers[answer] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return answers;
}

function keyOf({ keys }: Target, number: number): string {
  return keys[number % keys.length] ?? '';
}
