import { z } from 'zod';

const oneOrMore = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const statementSchema = z.object({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMore,
  Resource: oneOrMore.default([]),
  Principal: z.unknown().optional(),
  Condition: z.record(z.string(), z.record(z.string(), oneOrMore)).default({}),
});
const documentSchema = z.object({ Version: z.literal('2012-10-17'), Statement: z.array(statementSchema) });

export type PolicyStatement = z.infer<typeof statementSchema>;

/** What somebody wants to do, and what AWS knows about the request. */
export type IamRequest = {
  action: string;
  resource: string;
  /** Condition keys of the request, such as `ecs:cluster`; those that are absent were not sent. */
  keys?: Readonly<Record<string, string>>;
};

export function parsePolicy(text: string): PolicyStatement[] {
  return documentSchema.parse(JSON.parse(text)).Statement;
}

/**
 * IAM's own order: a denial wins, then something must allow. Only what this project's policies use is understood.
 * Source: "Policy evaluation logic" in the IAM User Guide.
 * @throws Error for a condition that this does not know.
 */
export function isAllowed(statements: readonly PolicyStatement[], request: IamRequest): boolean {
  const matching = statements.filter((statement) => matches(statement, request));
  return matching.some(({ Effect }) => Effect === 'Allow') && !matching.some(({ Effect }) => Effect === 'Deny');
}

function matches(
  { Action, Resource, Condition }: PolicyStatement,
  { action, resource, keys = {} }: IamRequest,
): boolean {
  return (
    Action.some((pattern) => glob(pattern.toLowerCase(), action.toLowerCase())) &&
    Resource.some((pattern) => glob(pattern, resource)) &&
    Object.entries(Condition).every(([operator, tests]) =>
      Object.entries(tests).every(([key, wanted]) => holds(operator, wanted, keys[key])),
    )
  );
}

function holds(operator: string, wanted: readonly string[], given: string | undefined): boolean {
  // A request of ours has one value of a key at most, so a condition on all of them is one on it, if it is there.
  const forAll = operator.startsWith('ForAllValues:');
  const ifExists = operator.endsWith('IfExists') || forAll;
  const name = operator.replace(/^ForAllValues:/, '').replace(/IfExists$/, '');
  if (given === undefined) return ifExists || name.startsWith('StringNot') || name.startsWith('ArnNot');
  switch (name) {
    case 'StringEquals':
    case 'Bool':
      return wanted.includes(given);
    case 'StringLike':
    case 'ArnEquals':
    case 'ArnLike':
      return wanted.some((pattern) => glob(pattern, given));
    case 'StringNotEquals':
      return !wanted.includes(given);
    case 'StringNotLike':
    case 'ArnNotLike':
      return !wanted.some((pattern) => glob(pattern, given));
    default:
      throw new Error(`The condition ${operator} is not known to this evaluator: add it.`);
  }
}

/** `*` for any text and `?` for one character, as IAM has them. */
function glob(pattern: string, text: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text);
}
