import { randomBytes } from 'node:crypto';

export type Place = { region: string; account: string };

/** ARNs as ECS and Auto Scaling write them. */
export class Arns {
  readonly region: string;
  readonly account: string;

  constructor({ region, account }: Place) {
    this.region = region;
    this.account = account;
  }

  cluster(name: string): string {
    return this.#ecs(`cluster/${name}`);
  }

  capacityProvider(name: string): string {
    return this.#ecs(`capacity-provider/${name}`);
  }

  taskDefinition(family: string, revision: number): string {
    return this.#ecs(`task-definition/${family}:${revision}`);
  }

  task(cluster: string, id: string): string {
    return this.#ecs(`task/${cluster}/${id}`);
  }

  container(cluster: string, taskId: string, id: string): string {
    return this.#ecs(`container/${cluster}/${taskId}/${id}`);
  }

  containerInstance(cluster: string, id: string): string {
    return this.#ecs(`container-instance/${cluster}/${id}`);
  }

  ec2Instance(id: string): string {
    return `arn:aws:ec2:${this.region}:${this.account}:instance/${id}`;
  }

  /** The middle part is a UUID in AWS; groups are found by their name. */
  autoScalingGroup(name: string): string {
    const uuid = '00000000-0000-4000-8000-000000000000';
    return `arn:aws:autoscaling:${this.region}:${this.account}:autoScalingGroup:${uuid}:autoScalingGroupName/${name}`;
  }

  #ecs(resource: string): string {
    return `arn:aws:ecs:${this.region}:${this.account}:${resource}`;
  }
}

/** What stands after the last slash: a name or id, also when it is given without an ARN. */
export function lastPart(nameOrArn: string): string {
  return nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1);
}

/** 32 hexadecimal digits, as ECS names tasks and container instances. */
export const newEcsId = (): string => randomBytes(16).toString('hex');
/** As EC2 names instances. */
export const newEc2Id = (): string => `i-0${randomBytes(8).toString('hex')}`;
