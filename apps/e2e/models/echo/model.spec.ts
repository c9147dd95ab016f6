import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');

describe('the echo model', () => {
  it.each(['./model.json', '../echo-prompted/model.json'])('has every behaviour that %s offers', async (path) => {
    const source = await read('./echo.py');
    const table = /BEHAVIOURS = \{([^}]*)\}/.exec(source)?.[1] ?? '';
    const implemented = [...table.matchAll(/"(\w+)":/g)].map((match) => match[1]);
    const offered: unknown = JSON.parse(await read(path)).params.behaviour.values;
    expect(implemented.length).toBeGreaterThan(10);
    expect(offered).toEqual(implemented);
  });

  it('has a default for every param, the one that its model.json says', async () => {
    const table = /DEFAULTS = (\{[^}]*\})/.exec(await read('./echo.py'))?.[1] ?? '';
    const declared: Record<string, { default: unknown }> = JSON.parse(await read('./model.json')).params;
    const defaults = Object.entries(declared).map(([name, param]) => [name, param.default]);
    expect(JSON.parse(table)).toEqual(Object.fromEntries(defaults));
  });

  it('has each of its modules in its image', async () => {
    const copied = /^COPY (.*) \/workspace\/$/m.exec(await read('./Dockerfile'))?.[1]?.split(' ') ?? [];
    const modules = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.py'));
    expect(copied).toEqual(expect.arrayContaining(modules));
  });

  it('is the same model with and without required prompts', async () => {
    const echo = JSON.parse(await read('./model.json'));
    const prompted = JSON.parse(await read('../echo-prompted/model.json'));
    const { name, title, prompts, fixed_labels: labels, ...rest } = prompted;
    expect({ name, prompts, labels }).toEqual({ name: 'echo-prompted', prompts: 'required', labels: null });
    expect(echo).toMatchObject(rest);
    expect(title).not.toBe(echo.title);
  });
});
