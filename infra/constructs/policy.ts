export type Condition = Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;

export type Statement = {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Principal?: '*' | Readonly<Record<string, string | readonly string[]>>;
  Action: readonly string[];
  Resource: readonly string[];
  Condition?: Condition;
};

type Grant = {
  sid: string;
  actions: readonly string[];
  resources: readonly string[];
  condition?: Condition;
  /** Only in a policy that hangs on a resource. */
  principal?: Statement['Principal'];
  /** Demanded of a grant with a wildcard action, or with the resource `*`. */
  wildcardBecause?: string;
};

const SID = /^[A-Za-z0-9]{3,100}$/;
const REASON_CHARS_MIN = 20;

/** @throws Error for a wildcard that nobody gave a reason for. */
export function allow(grant: Grant): Statement {
  return statement('Allow', grant);
}

/** Denials are as wide as they like. */
export function deny(grant: Omit<Grant, 'wildcardBecause'>): Statement {
  return statement('Deny', { ...grant, wildcardBecause: 'a denial gives nothing away' });
}

/** A policy document as AWS takes it. */
export function policyDocument(statements: readonly Statement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

/** A wildcard in what may be done, or in whom to: `jobs/*` under a bucket is a place, `*` alone is not. */
export function hasWildcard({ Action, Resource }: Pick<Statement, 'Action' | 'Resource'>): boolean {
  return Action.some((action) => action.includes('*')) || Resource.includes('*');
}

function statement(effect: Statement['Effect'], grant: Grant): Statement {
  const { sid, actions, resources, condition, principal, wildcardBecause } = grant;
  if (!SID.test(sid)) throw new Error(`${sid} cannot name a statement: use letters and digits.`);
  const made: Statement = {
    Sid: sid,
    Effect: effect,
    ...(principal === undefined ? {} : { Principal: principal }),
    Action: [...actions].sort(),
    Resource: [...resources],
    ...(condition === undefined ? {} : { Condition: condition }),
  };
  if (hasWildcard(made) && (wildcardBecause ?? '').length < REASON_CHARS_MIN) {
    throw new Error(`The statement ${sid} has a wildcard: name what it needs, or say in wildcardBecause why it must.`);
  }
  return made;
}
