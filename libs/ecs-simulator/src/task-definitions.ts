import type { Arns } from './arns.ts';
import { lastPart } from './arns.ts';
import { clientError, type EcsError } from './ecs-error.ts';
import type { TaskDefinitionInput } from './schemas/task-definition-schema.ts';
import { checkTaskDefinition } from './task-definition-rules.ts';

export type TaskDefinition = {
  readonly arn: string;
  readonly family: string;
  readonly revision: number;
  readonly input: TaskDefinitionInput;
  readonly registeredAt: Date;
  deregisteredAt: Date | null;
};

const REVISIONS_MAX = 100_000;

/** Families of task definitions; a revision never changes, it only becomes inactive. */
export class TaskDefinitions {
  readonly #arns: Arns;
  readonly #nowMs: () => number;
  readonly #families = new Map<string, TaskDefinition[]>();
  #count = 0;

  constructor(arns: Arns, nowMs: () => number) {
    this.#arns = arns;
    this.#nowMs = nowMs;
  }

  register(input: TaskDefinitionInput): TaskDefinition {
    checkTaskDefinition(input);
    if (this.#count >= REVISIONS_MAX) throw clientError('Too many task definition revisions: start a new simulator.');
    this.#count += 1;
    const revisions = this.#families.get(input.family) ?? [];
    this.#families.set(input.family, revisions);
    const revision = revisions.length + 1;
    const arn = this.#arns.taskDefinition(input.family, revision);
    const registeredAt = new Date(this.#nowMs());
    const definition = { arn, family: input.family, revision, input, registeredAt, deregisteredAt: null };
    revisions.push(definition);
    return definition;
  }

  /** By ARN, `family:revision`, or family for the newest active one. Also finds inactive revisions by number. */
  get(reference: string): TaskDefinition {
    const [family = '', revision] = lastPart(reference).split(':');
    const revisions = this.#families.get(family) ?? [];
    const found =
      revision === undefined
        ? revisions.findLast(({ deregisteredAt }) => deregisteredAt === null)
        : revisions[Number(revision) - 1];
    if (found === undefined) throw unknown();
    return found;
  }

  /** As `get`, for a task that is to run. */
  active(reference: string): TaskDefinition {
    const definition = this.get(reference);
    if (definition.deregisteredAt !== null) throw clientError('TaskDefinition is inactive');
    return definition;
  }

  deregister(reference: string): TaskDefinition {
    if (!lastPart(reference).includes(':'))
      throw clientError('A task definition is deregistered by family and revision: add the revision.');
    const definition = this.get(reference);
    definition.deregisteredAt ??= new Date(this.#nowMs());
    return definition;
  }
}

const unknown = (): EcsError => clientError('Unable to describe task definition: register it first.');
