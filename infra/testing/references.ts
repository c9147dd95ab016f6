import type { SynthesizedStack } from './synth-construct.ts';

/** `aws_vpc.network_vpc`, `data.aws_ssm_parameter.ami`, `local.user_data` or `var.alert_email`. */
export type Address = string;

const EXPRESSION = /\$\{([^{}]*)\}/g;
const ADDRESS = /\b((?:data\.)?aws_[a-z0-9_]+\.[A-Za-z0-9_-]+|(?:var|local)\.[A-Za-z0-9_-]+)/g;
const PLAIN_ADDRESS = /^((?:data\.)?aws_[a-z0-9_]+\.[A-Za-z0-9_-]+)$/;

/** What every resource, data source and output of a stack refers to. */
export function referencesOf(stack: SynthesizedStack): Map<Address, Set<Address>> {
  const found = new Map<Address, Set<Address>>();
  for (const [address, body] of addressedBodies(stack)) found.set(address, referencesIn(body));
  for (const [name, body] of Object.entries(stack.output)) found.set(`output.${name}`, referencesIn(body));
  return found;
}

/** All that may be referred to. */
export function addressesOf(stack: SynthesizedStack): Set<Address> {
  const variables = Object.keys(stack.variable).map((name) => `var.${name}`);
  return new Set([...addressedBodies(stack).map(([address]) => address), ...variables]);
}

/** The addresses of a cycle, or null where Terraform finds an order. */
export function cycleIn(references: ReadonlyMap<Address, ReadonlySet<Address>>): Address[] | null {
  const done = new Set<Address>();
  const visit = (address: Address, path: readonly Address[]): Address[] | null => {
    if (path.includes(address)) return [...path.slice(path.indexOf(address)), address];
    if (done.has(address)) return null;
    for (const next of references.get(address) ?? []) {
      const cycle = visit(next, [...path, address]);
      if (cycle !== null) return cycle;
    }
    done.add(address);
    return null;
  };
  for (const address of references.keys()) {
    const cycle = visit(address, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

/** Every text in a value, however deep. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === '//' ? [] : textsIn(inner)));
}

function referencesIn(body: unknown): Set<Address> {
  const texts = textsIn(body);
  const inExpressions = texts.flatMap((text) => [...text.matchAll(EXPRESSION)].map(([, inner]) => inner ?? ''));
  const addresses = inExpressions.flatMap((inner) => [...inner.matchAll(ADDRESS)].map(([address]) => address));
  // `depends_on` names addresses without an expression around them.
  return new Set([...addresses, ...texts.filter((text) => PLAIN_ADDRESS.test(text))]);
}

function addressedBodies({ resource, data, locals = {} }: SynthesizedStack): [Address, unknown][] {
  const under = (prefix: string, types: SynthesizedStack['resource']) =>
    Object.entries(types).flatMap(([type, bodies]) =>
      Object.entries(bodies).map(([id, body]): [Address, unknown] => [`${prefix}${type}.${id}`, body]),
    );
  const named = Object.entries(locals).map(([name, value]): [Address, unknown] => [`local.${name}`, value]);
  return [...under('', resource), ...under('data.', data), ...named];
}
