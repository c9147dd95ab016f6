import { describe, expect, it } from '@jest/globals';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { wholeBody } from './whole-body.ts';

describe('wholeBody', () => {
  const bodyOf = (text: string) => Readable.from([Buffer.from(text)], { objectMode: false });

  it('passes on a body of the announced size', async () => {
    expect(String(await buffer(wholeBody(bodyOf('abc'), 3)))).toBe('abc');
    expect(await buffer(wholeBody(Readable.from([]), 0))).toHaveLength(0);
  });

  it.each([2, 4])('raises when three bytes came and %i were announced', async (bytes) => {
    const reading = buffer(wholeBody(bodyOf('abc'), bytes));
    await expect(reading).rejects.toMatchObject({ name: 'AwsError', code: 'IncompleteBody', retryable: true });
  });

  it('destroys the body with itself', async () => {
    const body = new Readable({ read() {} });
    const whole = wholeBody(body, 3);
    whole.destroy();
    await new Promise((resolve) => body.once('close', resolve));
    expect(body.destroyed).toBe(true);
  });
});
