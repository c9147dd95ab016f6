/**
 * A synthesized stack (`cdk.tf.json`) in Terraform's own language. For checkov, which reads no JSON: it takes
 * `*.tf.json` without a word and finds no resource in it, neither by file nor by folder (3.3.30).
 */
type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
type Body = { readonly [key: string]: Value };
export type SynthesizedJson = { readonly [section: string]: Value };

/** Attributes whose keys somebody chose; every other object is a block. */
const MAPS = new Set(['tags', 'tags_all', 'request_parameters', 'response_parameters', 'variables']);
/** Where cdktf writes what it knows about an element. */
const METADATA = '//';
const WORD = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const LONE_REFERENCE = /^\$\{([A-Za-z0-9_.[\]-]+)\}$/;

export function terraformText(stack: SynthesizedJson): string {
  return ['data', 'resource'].map((section) => elements(section, objectOf(stack[section] ?? {}))).join('\n');
}

/** How many resources checkov must have seen. */
export function countResources(stack: SynthesizedJson): number {
  const named = Object.values(objectOf(stack['resource'] ?? {}));
  return named.reduce((sum: number, byName) => sum + Object.keys(objectOf(byName)).length, 0);
}

function elements(section: string, byType: Body): string {
  return Object.entries(byType)
    .flatMap(([type, named]) =>
      Object.entries(objectOf(named)).map(
        ([name, body]) => `${section} "${type}" "${name}" {\n${lines(objectOf(body))}}\n`,
      ),
    )
    .join('\n');
}

function lines(body: Body): string {
  return Object.entries(body)
    .filter(([key, value]) => key !== METADATA && value !== null)
    .map(([key, value]) => line(key, value))
    .join('');
}

function line(key: string, value: Value): string {
  if (isObject(value) && !MAPS.has(key) && Object.keys(value).every((name) => WORD.test(name))) {
    return `${key} {\n${lines(value)}}\n`;
  }
  if (Array.isArray(value) && value.length > 0 && value.every(isObject)) {
    return value.map((each) => line(key, each)).join('');
  }
  return `${key} = ${expression(value)}\n`;
}

function expression(value: Value): string {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map(expression).join(', ')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const pairs = Object.entries(value).map(([key, each]) => `${JSON.stringify(key)} = ${expression(each)}`);
  return `{\n${pairs.join('\n')}\n}`;
}

/** Policies as text of their own lines: escaped quotes are not undone by the reader. */
function text(value: string): string {
  const reference = LONE_REFERENCE.exec(value)?.[1];
  if (reference !== undefined) return reference;
  return value.includes('"') ? `<<TEXT\n${value}\nTEXT\n` : JSON.stringify(value);
}

function isObject(value: Value): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOf(value: Value): Body {
  if (!isObject(value)) throw new Error('This is no synthesized stack: run `npx nx run infra:synth-dev` again.');
  return value;
}
