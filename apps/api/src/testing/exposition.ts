export type Sample = { name: string; labels: Readonly<Record<string, string>>; value: number };

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/gy;
const COMMENT = /^# (?:HELP [\w:]+ [^\n]+|TYPE [\w:]+ (?:counter|gauge|histogram|summary))$/;

/**
 * Reads Prometheus's text format, version 0.0.4, strictly: every line is a sample, a HELP, a TYPE or empty.
 * Source: "Exposition formats", prometheus.io.
 */
export function parseExposition(text: string): Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line must end');
  return text.split('\n').flatMap((line) => {
    if (line === '' || COMMENT.test(line)) return [];
    const [, name, labels = '', number = ''] = LINE.exec(line) ?? [];
    if (name === undefined) throw new Error(`this is no line of the format: ${line}`);
    const value = Number(number.replace('Inf', 'Infinity'));
    if (Number.isNaN(value) && number !== 'Nan' && number !== 'NaN') throw new Error(`this is no number: ${line}`);
    return [{ name, labels: parseLabels(labels), value }];
  });
}

function parseLabels(text: string): Record<string, string> {
  const found = [...text.matchAll(LABEL)];
  if (found.map(([all]) => all).join('') !== text) throw new Error(`these are no labels: ${text}`);
  return Object.fromEntries(found.map(([, name = '', value = '']) => [name, value]));
}
