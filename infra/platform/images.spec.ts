import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { absentImages, areAllPresent, completeImages, readImages } from './images.ts';

const NAMES = ['api', 'worker'];
const DIGEST = `sha256:${'a1'.repeat(32)}`;
const PUSHED = { api: `registry.example.org/bpi/api@${DIGEST}`, worker: `registry.example.org/bpi/worker@${DIGEST}` };

describe('the images of an environment', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bpi-images-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function fileOf(content: unknown): string {
    const file = join(folder, 'images.json');
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  }

  it('are those of the file', () => {
    const images = readImages(fileOf(PUSHED), NAMES);
    expect(images).toEqual(PUSHED);
    expect(areAllPresent(images)).toBe(true);
  });

  it('are placeholders without one, which nobody takes for pushed', () => {
    const images = absentImages(NAMES);
    expect(Object.keys(images)).toEqual(NAMES);
    expect(areAllPresent(images)).toBe(false);
    expect(areAllPresent({ ...PUSHED, worker: images['worker'] ?? '' })).toBe(false);
  });

  it.each<[string, unknown, RegExp]>([
    ['lacks one', { api: PUSHED.api }, /lacks worker: run `npx nx run infra:push-images`/],
    ['names another', { ...PUSHED, wroker: PUSHED.api }, /names wroker, which nothing here uses: run/],
    [
      'has a tag where a digest belongs',
      { ...PUSHED, api: 'registry.example.org/bpi/api:latest' },
      /no file of images/,
    ],
    ['is no JSON', 'api=…', /no file of images/],
  ])('are refused when the file %s', (_, content, sentence) => {
    expect(() => readImages(fileOf(content), NAMES)).toThrow(sentence);
  });

  it('are made whole for a plan, which says what it lacks and what it drops', () => {
    const { images, missing, unknown } = completeImages(fileOf({ api: PUSHED.api, gone: PUSHED.worker }), NAMES);
    expect({ missing, unknown }).toEqual({ missing: ['worker'], unknown: ['gone'] });
    expect(images).toEqual({ api: PUSHED.api, ...absentImages(['worker']) });
    expect(areAllPresent(images)).toBe(false);
    expect(readImages(fileOf(images), NAMES)).toEqual(images);
  });

  it('are not made up from a file that holds something else', () => {
    expect(() => completeImages(fileOf({ api: 'registry.example.org/bpi/api:latest' }), NAMES)).toThrow(
      /no file of images/,
    );
  });

  it('are refused when the file is not there', () => {
    expect(() => readImages(join(folder, 'absent.json'), NAMES)).toThrow(/no file of images/);
  });
});
